//! A worker's functions: `take`, `submit` and `detach`, as bare N-API callbacks.
//!
//! They run once a batch and are the whole cost of the crossing on the JavaScript thread, so they
//! do without the conversions of `#[napi]`: the state comes with the callback, and the batch buffers
//! are native memory that JavaScript sees as external `ArrayBuffer`s.

mod batch;
mod enclose;
mod outbound;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::ffi::{CStr, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;

use http::StatusCode;
use monodon_bridge::bridge::Bridge;
use monodon_bridge::chunk::LentMemory;
use monodon_bridge::layout::BATCH_BYTES;
use monodon_bridge::worker::{Arrival, Worker};
use napi::bindgen_prelude::{Function, Object};
use napi::{Env, Error, Result, Status, check_status, sys};

use self::batch::Batch;
use self::enclose::{enclose, tell_position};
use self::outbound::{Outbound, outbound};
use crate::doorbell::Bell;
use crate::lent::{Lent, lend};

/// What the functions of a worker share. All of it belongs to the worker's JavaScript thread.
struct Port {
    worker: Arc<Worker>,
    inbound: Arc<Batch>,
    outbound: Outbound,
    /// References to lent arrays, by the keys of `Worker::submit`.
    loans: RefCell<HashMap<usize, sys::napi_ref>>,
    /// Files for the next `file` records.
    files: RefCell<VecDeque<Arrival>>,
    bell: Bell,
    detached: Cell<bool>,
}

impl Port {
    /// Drops the references to the arrays that native code has given back.
    fn reclaim(&self, env: sys::napi_env) {
        let mut loans = self.loans.borrow_mut();
        self.worker.reclaim(|key| {
            if let Some(reference) = loans.remove(&key) {
                // SAFETY: made by `lend` in this environment, and deleted once: it left the table.
                unsafe { sys::napi_delete_reference(env, reference) };
            }
        });
    }
}

/// Attaches the calling thread as a worker: an object with `index`, the buffer `inbound`, and the
/// functions `outbound(number)`, `take(most)`, `submit(bytes, records, lent?)`, `tell(descriptor)`,
/// `enclose(descriptor)`, `detach()`.
pub(crate) fn attach<'env>(
    env: &'env Env,
    bridge: &Arc<Bridge>,
    number: Option<u32>,
    ring: &Function<'_, (), ()>,
) -> Result<Object<'env>> {
    let bell = Bell::new(ring)?;
    let worker = bridge.attach(number, Box::new(bell.clone()));
    let port = Rc::new(Port {
        worker: Arc::clone(&worker),
        inbound: Batch::new(BATCH_BYTES),
        outbound: Outbound::new(),
        loans: RefCell::default(),
        files: RefCell::default(),
        bell,
        detached: Cell::new(false),
    });
    // Runs before the environment and its arrays go: exit, terminate, or crash.
    env.add_env_cleanup_hook(worker, |worker| worker.detach(StatusCode::BAD_GATEWAY))?;

    let mut object = Object::new(env)?;
    object.set("index", port.worker.index())?;
    let raw = env.raw();
    // SAFETY: `raw` and `object` are of the running callback.
    unsafe {
        set(raw, &object, c"inbound", port.inbound.array_buffer(raw)?)?;
        let outbound = function(raw, c"outbound", outbound, &port)?;
        set(raw, &object, c"outbound", outbound)?;
        set(raw, &object, c"take", function(raw, c"take", take, &port)?)?;
        set(
            raw,
            &object,
            c"submit",
            function(raw, c"submit", submit, &port)?,
        )?;
        let tell = function(raw, c"tell", tell_position, &port)?;
        set(raw, &object, c"tell", tell)?;
        set(
            raw,
            &object,
            c"enclose",
            function(raw, c"enclose", enclose, &port)?,
        )?;
        set(
            raw,
            &object,
            c"detach",
            function(raw, c"detach", detach, &port)?,
        )?;
    }
    Ok(object)
}

/// # Safety
/// `env` and `value` must be those of the running callback.
unsafe fn set(
    env: sys::napi_env,
    object: &Object<'_>,
    name: &CStr,
    value: sys::napi_value,
) -> Result<()> {
    use napi::JsValue;
    // SAFETY: by this function's contract; the name ends in NUL.
    check_status!(unsafe { sys::napi_set_named_property(env, object.raw(), name.as_ptr(), value) })
}

/// A function over a port, which lives as long as the function.
///
/// # Safety
/// `env` must be that of the running callback.
unsafe fn function(
    env: sys::napi_env,
    name: &CStr,
    callback: unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value,
    port: &Rc<Port>,
) -> Result<sys::napi_value> {
    let mut value = ptr::null_mut();
    let owner: *mut c_void = Rc::into_raw(Rc::clone(port)).cast_mut().cast();
    // SAFETY: the name has the given length; `owner` stays valid until the function's finalizer
    // drops it, and a callback runs only while its function lives.
    unsafe {
        check_status!(sys::napi_create_function(
            env,
            name.as_ptr(),
            name.count_bytes().cast_signed(),
            Some(callback),
            owner,
            &raw mut value,
        ))?;
        check_status!(sys::napi_add_finalizer(
            env,
            value,
            owner,
            Some(release::<Port>),
            ptr::null_mut(),
            ptr::null_mut(),
        ))?;
    }
    Ok(value)
}

unsafe extern "C" fn release<T>(_: sys::napi_env, owner: *mut c_void, _: *mut c_void) {
    // SAFETY: `owner` came from `Rc::into_raw` of the same type, and finalizers run once, on the
    // JavaScript thread that made it.
    drop(unsafe { Rc::from_raw(owner.cast::<T>()) });
}

/// The port and the arguments of a call.
///
/// # Safety
/// `env` and `info` must be those of the running callback of a function made by `function`.
unsafe fn call<'port, const N: usize>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> Result<(&'port Port, [sys::napi_value; N])> {
    let mut arguments = [ptr::null_mut(); N];
    let mut count = N;
    let mut data = ptr::null_mut();
    // SAFETY: by this function's contract; N-API fills absent arguments with `undefined`.
    unsafe {
        check_status!(sys::napi_get_cb_info(
            env,
            info,
            &raw mut count,
            arguments.as_mut_ptr(),
            ptr::null_mut(),
            &raw mut data,
        ))?;
        Ok((&*data.cast::<Port>(), arguments))
    }
}

/// # Safety
/// `env` and `value` must be those of the running callback.
unsafe fn number(env: sys::napi_env, value: sys::napi_value) -> Result<usize> {
    let mut number = 0;
    // SAFETY: by this function's contract.
    let status = unsafe { sys::napi_get_value_uint32(env, value, &raw mut number) };
    check_status!(status, "not a number")?;
    Ok(number as usize)
}

/// A number for JavaScript.
///
/// # Safety
/// `env` must be that of the running callback.
unsafe fn uint32(env: sys::napi_env, number: usize) -> Result<sys::napi_value> {
    let mut value = ptr::null_mut();
    // SAFETY: by this function's contract.
    check_status!(unsafe { sys::napi_create_uint32(env, number as u32, &raw mut value) })?;
    Ok(value)
}

/// Runs a callback's work: an error or a panic becomes a JavaScript exception.
fn guarded(env: sys::napi_env, work: impl FnOnce() -> Result<sys::napi_value>) -> sys::napi_value {
    let outcome = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Error::new(
            Status::GenericFailure,
            "MONODON_PANIC: native code panicked; please report it",
        ))
    });
    outcome.unwrap_or_else(|error| {
        // SAFETY: `env` is that of the running callback.
        unsafe { napi::JsError::from(error).throw_into(env) };
        ptr::null_mut()
    })
}

/// `take(most)`: fills `inbound`, gives the number of records.
unsafe extern "C" fn take(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guarded(env, || {
        // SAFETY: N-API calls this with the arguments of the running callback.
        let (port, [most]) = unsafe { call::<1>(env, info) }?;
        // SAFETY: as above.
        let most = unsafe { number(env, most) }?;
        // SAFETY: JavaScript, the only other user of this buffer, waits for this call.
        let batch = unsafe { port.inbound.bytes_mut() };
        let count = loop {
            port.reclaim(env);
            let count = port.worker.take(batch, most);
            if count > 0 || !port.worker.owes_reclaim() {
                break count;
            }
        };
        // SAFETY: `env` is that of the running callback.
        unsafe { uint32(env, count) }
    })
}

/// `submit(bytes, records, lent?)`: hands over the records at the front of the current outbound buffer. Gives
/// the number of the one that is current from now on, if it is another.
unsafe extern "C" fn submit(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guarded(env, || {
        // SAFETY: N-API calls this with the arguments of the running callback.
        let (port, [bytes, records, lent]) = unsafe { call::<3>(env, info) }?;
        // SAFETY: as above.
        let (bytes, records) = unsafe { (number(env, bytes)?, number(env, records)?) };
        if bytes > BATCH_BYTES {
            return Err(Error::new(
                Status::InvalidArg,
                "a batch is longer than its buffer",
            ));
        }
        // SAFETY: `lent` is an argument of the running callback.
        let (memory, references) = unsafe { borrow_all(env, lent) }?;
        // SAFETY: the length was looked at; JavaScript goes on in the buffer that this call gives.
        let (batch, next) = unsafe { port.outbound.collect(bytes) };
        let mut keys = Vec::new();
        let mut files = port.files.borrow_mut();
        let worker = &port.worker;
        let outcome = worker.submit_with_files(batch, records, memory, &mut keys, &mut files);
        drop(files);
        let mut references = references.into_iter();
        port.loans
            .borrow_mut()
            .extend(keys.into_iter().zip(references.by_ref()));
        for unused in references {
            // SAFETY: made by `lend` in this call; no loan was made of it.
            unsafe { sys::napi_delete_reference(env, unused) };
        }
        outcome.map_err(|error| {
            Error::new(
                Status::InvalidArg,
                format!("MONODON_MALFORMED_BATCH: {error}"),
            )
        })?;
        // `undefined` for none.
        // SAFETY: `env` is that of the running callback.
        next.map_or(Ok(ptr::null_mut()), |next| unsafe { uint32(env, next) })
    })
}

type Borrowed = (Vec<Box<dyn LentMemory>>, Vec<sys::napi_ref>);

/// Takes every array of a JavaScript list on loan.
///
/// # Safety
/// `env` and `list` must be those of the running callback.
unsafe fn borrow_all(env: sys::napi_env, list: sys::napi_value) -> Result<Borrowed> {
    let mut borrowed: Borrowed = (Vec::new(), Vec::new());
    let mut is_list = false;
    // SAFETY: by this function's contract; every out pointer is to a live local.
    unsafe {
        check_status!(sys::napi_is_array(env, list, &raw mut is_list))?;
        if !is_list {
            return Ok(borrowed);
        }
        let outcome = borrow_each(env, list, &mut borrowed);
        if outcome.is_err() {
            for reference in borrowed.1.drain(..) {
                sys::napi_delete_reference(env, reference);
            }
        }
        outcome?;
    }
    Ok(borrowed)
}

/// # Safety
/// As for `borrow_all`; `list` must be an array.
unsafe fn borrow_each(
    env: sys::napi_env,
    list: sys::napi_value,
    borrowed: &mut Borrowed,
) -> Result<()> {
    let mut length = 0;
    // SAFETY: by this function's contract; every out pointer is to a live local.
    unsafe {
        check_status!(sys::napi_get_array_length(env, list, &raw mut length))?;
        for index in 0..length {
            let mut array = ptr::null_mut();
            check_status!(sys::napi_get_element(env, list, index, &raw mut array))?;
            let (memory, reference): (Lent, _) = lend(env, array)?;
            borrowed.0.push(Box::new(memory));
            borrowed.1.push(reference);
        }
    }
    Ok(())
}

/// `detach()`: ends the worker. What it held is answered 502; call it when it holds nothing.
unsafe extern "C" fn detach(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    guarded(env, || {
        // SAFETY: N-API calls this with the arguments of the running callback.
        let (port, []) = unsafe { call::<0>(env, info) }?;
        if !port.detached.replace(true) {
            port.worker.detach(StatusCode::BAD_GATEWAY);
            // SAFETY: `env` is that of the running callback, on the worker's thread.
            unsafe { port.bell.unref(env) }?;
            for (_, reference) in port.loans.borrow_mut().drain() {
                // SAFETY: made by `lend` in this environment, and deleted once.
                unsafe { sys::napi_delete_reference(env, reference) };
            }
        }
        Ok(ptr::null_mut())
    })
}
