//! A worker's functions for files that it has open and native code is to send.

use std::ptr;

use monodon_bridge::worker::Arrival;
use napi::{Result, check_status, sys};

use super::{call, guarded, number};
#[cfg(unix)]
use crate::descriptor::{share, tell};

/// `tell(descriptor)`: where a regular file stands that is open; -1 for anything else.
///
/// # Safety
/// N-API calls it, as a function made by `function`.
pub(super) unsafe extern "C" fn tell_position(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    guarded(env, || {
        // SAFETY: N-API calls this with the arguments of the running callback.
        let (_, [descriptor]) = unsafe { call::<1>(env, info) }?;
        // SAFETY: as above.
        let position = tell(unsafe { number(env, descriptor) }?);
        // SAFETY: `env` is that of the running callback.
        unsafe { double(env, position) }
    })
}

/// `enclose(descriptor)`: keeps the open file for the next `file` record of `submit`, so that the caller
/// may close its descriptor at once. Gives 1, or 0 if there can be no more descriptors.
///
/// # Safety
/// N-API calls it, as a function made by `function`.
pub(super) unsafe extern "C" fn enclose(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    guarded(env, || {
        // SAFETY: N-API calls this with the arguments of the running callback.
        let (port, [descriptor]) = unsafe { call::<1>(env, info) }?;
        // SAFETY: as above.
        let file = share(unsafe { number(env, descriptor) }?);
        let count = file.map_or(0.0, |file| {
            port.files.borrow_mut().push_back(Arrival::File(file));
            1.0
        });
        // SAFETY: `env` is that of the running callback.
        unsafe { double(env, count) }
    })
}

/// # Safety
/// `env` must be that of the running callback.
unsafe fn double(env: sys::napi_env, number: f64) -> Result<sys::napi_value> {
    let mut value = ptr::null_mut();
    // SAFETY: by this function's contract.
    check_status!(unsafe { sys::napi_create_double(env, number, &raw mut value) })?;
    Ok(value)
}

#[cfg(not(unix))]
fn tell(_: usize) -> f64 {
    -1.0
}

#[cfg(not(unix))]
fn share(_: usize) -> Option<std::fs::File> {
    None
}
