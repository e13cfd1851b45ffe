//! What workers ask of the operating system.

use napi_derive::napi;

/// Names the calling thread, where the platform shows such names; the kernel keeps 15 bytes.
#[napi(catch_unwind)]
#[allow(
    clippy::needless_pass_by_value,
    reason = "napi passes arguments by value"
)]
pub fn name_thread(name: String) {
    #[cfg(target_os = "linux")]
    if let Ok(name) = std::ffi::CString::new(name) {
        // SAFETY: PR_SET_NAME reads a string that ends in NUL, which this is.
        unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
    }
    #[cfg(not(target_os = "linux"))]
    drop(name);
}

/// Has the kernel kill this process when the thread that started it ends: a worker whose server was
/// killed must not live on, whatever its app is doing. Linux only; elsewhere the end of the worker's
/// socket tells an event loop that runs.
#[napi(catch_unwind)]
pub fn die_with_parent() {
    #[cfg(target_os = "linux")]
    // SAFETY: PR_SET_PDEATHSIG takes a signal's number and touches no memory.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL)
    };
}
