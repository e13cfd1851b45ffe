//! Names of worker threads, as `top -H` shows them.

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
