//! Memory of a worker's `Uint8Array`s that native threads read while a response is sent.

use monodon_bridge::chunk::LentMemory;
use napi::{Error, Result, Status, check_status, sys};

const NOT_BYTES: &str = "a lent buffer is not a Uint8Array";

/// The bytes of a `Uint8Array`, kept alive by a reference on the worker's side.
pub(crate) struct Lent {
    start: *const u8,
    length: usize,
}

// SAFETY: the bytes are only read. They stay where they are while the reference that `lend` made
// lives, which `Port` drops on the JavaScript thread after native code has given the loan back; and
// `Worker::detach`, called before the environment goes, returns only when no thread reads them.
// That the app does not change or transfer the array meanwhile is the documented rule of lending.
unsafe impl Send for Lent {}
// SAFETY: as above.
unsafe impl Sync for Lent {}

impl LentMemory for Lent {
    fn bytes(&self) -> &[u8] {
        // SAFETY: `start` and `length` are what N-API gave for the array; see `Send` for how long
        // they hold.
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }
}

/// Takes the bytes of a `Uint8Array` on loan, with a reference that keeps it alive.
///
/// # Safety
/// `env` and `array` must be those of the running callback.
pub(crate) unsafe fn lend(
    env: sys::napi_env,
    array: sys::napi_value,
) -> Result<(Lent, sys::napi_ref)> {
    let mut kind = 0;
    let mut length = 0;
    let mut start = std::ptr::null_mut();
    let mut reference = std::ptr::null_mut();
    // SAFETY: by this function's contract; every out pointer is to a live local.
    unsafe {
        check_status!(
            sys::napi_get_typedarray_info(
                env,
                array,
                &raw mut kind,
                &raw mut length,
                &raw mut start,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            ),
            "{NOT_BYTES}"
        )?;
        if kind != sys::TypedarrayType::uint8_array {
            return Err(Error::new(Status::InvalidArg, NOT_BYTES));
        }
        check_status!(sys::napi_create_reference(
            env,
            array,
            1,
            &raw mut reference
        ))?;
    }
    // An empty array has no address; a slice needs one.
    let start = if length == 0 {
        std::ptr::NonNull::dangling().as_ptr()
    } else {
        start.cast()
    };
    Ok((Lent { start, length }, reference))
}
