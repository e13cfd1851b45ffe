#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

#[test]
fn heads_have_the_length_in_the_fewest_bytes() {
    for (length, head) in [
        (0, &[0x81, 0][..]),
        (125, &[0x81, 125]),
        (126, &[0x81, 126, 0, 126]),
        (65_535, &[0x81, 126, 0xff, 0xff]),
        (65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] {
        assert_eq!(
            FrameHead::new(Kind::Text, true, false, length).chunk(),
            head
        );
    }
    assert_eq!(
        FrameHead::new(Kind::Binary, true, true, 1).chunk(),
        [0xc2, 1]
    );
}

/// RFC 7692 section 6.1: the bit is set in the first frame alone.
#[test]
fn a_message_may_be_in_fragments() {
    let head = |kind, is_last| FrameHead::new(kind, is_last, true, 1).chunk().to_vec();
    assert_eq!(head(Kind::Text, false), [0x41, 1]);
    assert_eq!(head(Kind::Continuation, false), [0, 1]);
    assert_eq!(head(Kind::Continuation, true), [0x80, 1]);
}

#[test]
fn control_frames_are_whole() {
    assert_eq!(&control_frame(Kind::Pong, b"ab")[..], b"\x8a\x02ab");
    assert_eq!(&control_frame(Kind::Ping, b"")[..], b"\x89\0");
}

#[test]
fn close_frames_say_why_as_far_as_there_is_room() {
    assert_eq!(&close_frame(1000, b"")[..], b"\x88\x02\x03\xe8");
    assert_eq!(&close_frame(1001, b"bye")[..], b"\x88\x05\x03\xe9bye");
    assert_eq!(&close_frame(code::NO_STATUS, b"unsaid")[..], b"\x88\0");
    assert_eq!(&close_frame(0, b"")[..], b"\x88\0");
    assert_eq!(close_frame(1000, &[b'x'; 123]).len(), 127);
    assert_eq!(close_frame(1000, &[b'x'; 500]).len(), 127);
    for lead in 0..4 {
        let reason = format!("{}{}", "x".repeat(lead), "\u{1f600}".repeat(40));
        let frame = close_frame(1000, reason.as_bytes());
        assert!(frame.len() > 123, "{}", frame.len());
        assert!(reason.starts_with(std::str::from_utf8(&frame[4..]).unwrap()));
    }
}
