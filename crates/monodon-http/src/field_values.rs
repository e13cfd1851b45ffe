//! Values of header fields that are made for single requests.

use std::cell::RefCell;

use bytes::BytesMut;
use http::HeaderValue;

/// Bytes that are allocated at once.
const ROOM_BYTES: usize = 4096;

/// Where one thread writes them, so that one allocation serves many.
#[derive(Default)]
pub(crate) struct FieldValues {
    room: RefCell<BytesMut>,
}

impl FieldValues {
    /// Makes a value of what `write` writes, of `most` bytes at most; none if that is not fit to be one.
    pub(crate) fn make(
        &self,
        most: usize,
        write: impl FnOnce(&mut BytesMut),
    ) -> Option<HeaderValue> {
        let mut room = self.room.borrow_mut();
        if room.capacity() < most {
            room.reserve(ROOM_BYTES.max(most));
        }
        write(&mut room);
        HeaderValue::from_maybe_shared(room.split().freeze()).ok()
    }
}

#[cfg(test)]
mod tests {
    use bytes::BufMut;

    use super::FieldValues;

    #[test]
    fn values_that_are_kept_stay_what_they_are() {
        let values = FieldValues::default();
        let made: Vec<_> = (0..1000)
            .map(|number| values.make(8, |out| out.put_slice(format!("v{number}").as_bytes())))
            .collect();
        for (number, value) in made.iter().enumerate() {
            assert_eq!(value.as_ref().expect("a value"), &format!("v{number}"));
        }
        assert!(values.make(1, |out| out.put_u8(b'\n')).is_none());
    }
}
