#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::*;
use crate::websocket::{Deflate, compress};

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const LIMIT: usize = 1000;

/// A frame as a client sends it. `first` is its first byte: FIN, reserved bits, opcode.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..65_536 => {
            frame.push(0xfe);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0xff);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(
        payload
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    frame
}

/// All that is received of these bytes, in pieces of `step`.
fn receive(bytes: &[u8], step: usize, deflates: bool) -> Result<Vec<Received>, Violation> {
    let mut receiver = Receiver::new(LIMIT, deflates);
    let mut all = Vec::new();
    for piece in bytes.chunks(step.max(1)) {
        receiver.buffer().extend_from_slice(piece);
        while let Some(received) = receiver.receive()? {
            all.push(received);
        }
    }
    Ok(all)
}

fn text(text: &str) -> Received {
    Received::Message {
        is_text: true,
        bytes: Bytes::copy_from_slice(text.as_bytes()),
    }
}

fn close(code: u16, reason: &'static str) -> Received {
    Received::Close {
        code,
        reason: Bytes::from_static(reason.as_bytes()),
    }
}

#[test]
fn messages_come_whole_however_they_are_cut() {
    let long = "x".repeat(900);
    let stream = [
        frame(0x81, b"Hello"),
        frame(0x82, &[0, 255]),
        frame(0x01, "gr\u{fc}".as_bytes().split_at(3).0),
        frame(0x89, b"are you there"),
        frame(0x00, "gr\u{fc}".as_bytes().split_at(3).1),
        frame(0x80, "n".as_bytes()),
        frame(0x8a, b""),
        frame(0x81, long.as_bytes()),
        frame(0x81, b""),
        frame(0x88, &[3, 232, b'o', b'k']),
    ]
    .concat();
    let expected = [
        text("Hello"),
        Received::Message {
            is_text: false,
            bytes: Bytes::from_static(&[0, 255]),
        },
        Received::Ping(Bytes::from_static(b"are you there")),
        text("gr\u{fc}n"),
        Received::Pong,
        text(&long),
        text(""),
        close(1000, "ok"),
    ];
    for step in [1, 2, 3, 7, 64, stream.len()] {
        assert_eq!(
            receive(&stream, step, false).unwrap(),
            expected,
            "step {step}"
        );
    }
}

#[test]
fn what_the_rfc_forbids_has_its_close_code() {
    let packed = compress(Deflate::default(), &[b'x'; 2000], true).unwrap();
    let cases: &[(&str, Vec<u8>, u16)] = &[
        ("not masked", vec![0x81, 1, b'x'], 1002),
        ("reserved bit 1", frame(0xc1, b"x"), 1002),
        ("reserved bit 2", frame(0xa1, b"x"), 1002),
        ("reserved bit 3", frame(0x91, b"x"), 1002),
        ("reserved data opcode", frame(0x83, b""), 1002),
        ("reserved control opcode", frame(0x8b, b""), 1002),
        ("fragmented ping", frame(0x09, b""), 1002),
        ("long ping", frame(0x89, &[0; 126]), 1002),
        ("long pong", frame(0x8a, &[0; 126]), 1002),
        ("long close", frame(0x88, &[3, 232].repeat(63)), 1002),
        ("continuation of nothing", frame(0x80, b"x"), 1002),
        (
            "message in a message",
            [frame(0x01, b"a"), frame(0x81, b"b")].concat(),
            1002,
        ),
        ("close code cut short", frame(0x88, &[3]), 1002),
        ("close code 999", frame(0x88, &[3, 231]), 1002),
        ("close code 1005", frame(0x88, &[3, 237]), 1002),
        ("close code 1006", frame(0x88, &[3, 238]), 1002),
        ("close code 1015", frame(0x88, &[3, 247]), 1002),
        ("close code 2999", frame(0x88, &[11, 183]), 1002),
        ("close code 5000", frame(0x88, &[19, 136]), 1002),
        (
            "close reason is not UTF-8",
            frame(0x88, &[3, 232, 0xff]),
            1007,
        ),
        (
            "text is not UTF-8",
            frame(0x81, &[0xce, 0xba, 0xed, 0xa0, 0x80]),
            1007,
        ),
        ("text ends in a character", frame(0x81, &[0xe2, 0x82]), 1007),
        ("too long", frame(0x82, &[0; LIMIT + 1]), 1009),
        (
            "said to be too long",
            vec![0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4],
            1009,
        ),
        (
            "said to be longer than can be",
            [&[0x82][..], &[0xff; 13]].concat(),
            1009,
        ),
        (
            "too long together",
            [frame(0x02, &[0; 600]), frame(0x80, &[0; 600])].concat(),
            1009,
        ),
        ("compressed unasked", frame(0xc1, &packed), 1002),
    ];
    for (name, bytes, code) in cases {
        for step in [1, bytes.len()] {
            let violation = receive(bytes, step, false).expect_err(name);
            assert_eq!(violation.code, *code, "{name}: {}", violation.why);
        }
    }
}

#[test]
fn compressed_messages_are_inflated_within_the_limit() {
    let pack = |text: &[u8]| compress(Deflate::default(), text, true).unwrap();
    let packed = pack(b"Hello, hello, hello");
    let (first, rest) = packed.split_at(5);
    let stream = [
        frame(0xc1, &packed),
        frame(0x81, b"plain"),
        frame(0x41, first),
        frame(0x89, b""),
        frame(0x80, rest),
    ]
    .concat();
    let expected = [
        text("Hello, hello, hello"),
        text("plain"),
        Received::Ping(Bytes::new()),
        text("Hello, hello, hello"),
    ];
    assert_eq!(receive(&stream, 3, true).unwrap(), expected);
    for (bytes, code) in [
        (frame(0xc2, &pack(&[0; LIMIT + 1])), 1009),
        (frame(0xc1, &pack(&[0xff; 10])), 1007),
        (frame(0xc2, &[0xff; 10]), 1007),
        ([frame(0x42, first), frame(0xc0, rest)].concat(), 1002),
        (frame(0xc9, b""), 1002),
    ] {
        assert_eq!(receive(&bytes, 64, true).unwrap_err().code, code);
    }
}

#[test]
fn a_length_that_is_only_said_takes_no_memory() {
    let mut receiver = Receiver::new(usize::MAX, false);
    receiver
        .buffer()
        .extend_from_slice(&[0x82, 0xff, 0, 0, 0, 255, 0, 0, 0, 0, 1, 2, 3, 4]);
    assert_eq!(receiver.receive(), Ok(None));
    assert!(receiver.buffer().capacity() < 1024);
}

proptest! {
    #[test]
    fn rubbish_does_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300), step in 1_usize..50) {
        for deflates in [false, true] {
            if let Ok(all) = receive(&bytes, step, deflates) {
                for received in all {
                    if let Received::Message { bytes, .. } = received {
                        prop_assert!(bytes.len() <= LIMIT);
                    }
                }
            }
        }
    }

    #[test]
    fn any_message_comes_as_it_was_sent(
        bytes in proptest::collection::vec(any::<u8>(), 0..LIMIT),
        cuts in proptest::collection::vec(0_usize..LIMIT, 0..4),
        step in 1_usize..100,
    ) {
        let mut cuts: Vec<_> = cuts.into_iter().filter(|cut| *cut < bytes.len()).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let mut stream = Vec::new();
        for (i, piece) in cuts.windows(2).enumerate() {
            let opcode = if i == 0 { 2 } else { 0 };
            let fin = if i + 2 == cuts.len() { 0x80 } else { 0 };
            stream.extend(frame(fin | opcode, &bytes[piece[0]..piece[1]]));
        }
        let expected = Received::Message { is_text: false, bytes: bytes.into() };
        prop_assert_eq!(receive(&stream, step, false).unwrap(), [expected]);
    }
}
