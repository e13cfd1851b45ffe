#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use http::HeaderMap;
use http::header::SEC_WEBSOCKET_EXTENSIONS;
use proptest::prelude::*;

use super::*;

const ANY: Deflate = Deflate { server_bits: None };

fn agreed(offer: &str) -> Option<String> {
    let mut fields = HeaderMap::new();
    fields.insert(SEC_WEBSOCKET_EXTENSIONS, offer.parse().unwrap());
    let deflate = Deflate::agree(&fields.get_all(SEC_WEBSOCKET_EXTENSIONS))?;
    let text = deflate.agreement().to_str().unwrap().to_owned();
    let rest = text
        .strip_prefix("permessage-deflate; server_no_context_takeover; client_no_context_takeover");
    Some(rest.unwrap().to_owned())
}

#[test]
fn agrees_to_the_first_offer_that_can_be_kept() {
    for (offer, bits) in [
        ("permessage-deflate", Some("")),
        ("permessage-deflate; client_max_window_bits", Some("")),
        ("Permessage-Deflate;client_max_window_bits = 8", Some("")),
        (
            "permessage-deflate; server_max_window_bits=10",
            Some("; server_max_window_bits=10"),
        ),
        (
            "permessage-deflate; server_max_window_bits=\"12\"",
            Some("; server_max_window_bits=12"),
        ),
        ("x-webkit-deflate-frame, permessage-deflate", Some("")),
        (
            "permessage-deflate; server_max_window_bits=8, permessage-deflate; server_no_context_takeover",
            Some(""),
        ),
        ("permessage-deflate; server_max_window_bits=8", None),
        ("permessage-deflate; server_max_window_bits=16", None),
        ("permessage-deflate; server_max_window_bits=010", None),
        ("permessage-deflate; server_max_window_bits", None),
        ("permessage-deflate; client_max_window_bits=7", None),
        (
            "permessage-deflate; client_max_window_bits; client_max_window_bits",
            None,
        ),
        ("permessage-deflate; server_no_context_takeover=1", None),
        ("permessage-deflate; unknown", None),
        ("", None),
    ] {
        assert_eq!(agreed(offer).as_deref(), bits, "{offer}");
    }
}

/// RFC 7692 section 7.2.3.
#[test]
fn inflates_the_examples_of_the_rfc() {
    for example in [
        &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..],
        &[
            0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00,
        ],
        // With a block that says it is the last.
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
        // In two blocks.
        &[
            0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
        ],
    ] {
        assert_eq!(inflate(example, 100).unwrap(), "Hello");
    }
}

#[test]
fn an_empty_message_has_one_byte() {
    assert_eq!(compress(ANY, b"", true).unwrap(), [0]);
    assert_eq!(inflate(&[0], 0).unwrap(), "");
}

#[test]
fn a_bomb_goes_off_no_further_than_the_limit() {
    let bomb = compress(ANY, &vec![0; 10_000_000], true).unwrap();
    assert!(bomb.len() < 200_000);
    assert_eq!(inflate(&bomb, 9_999_999), Err(Violation::TOO_BIG));
    assert_eq!(inflate(&bomb, 10_000_000).unwrap().len(), 10_000_000);
}

/// zlib-rs keeps an open block over a reset, at the level that is used here: the next message would begin
/// without the head of a block. Each has to end its block, whatever its size, and whether what it makes
/// just fits into the room that was made for it. The decoder is a new one for each.
#[test]
fn a_message_does_not_depend_on_those_before_it() {
    let mut seed = 1_u32;
    let mut noise = |length: usize| -> Vec<u8> {
        let mut byte = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 24) as u8
        };
        (0..length).map(|_| byte()).collect()
    };
    for round in 0..400_usize {
        let mut message = noise(round % 400);
        message.extend(b"compressible ".repeat(round % 7));
        message.extend(noise(if round % 100 == 0 { 100_000 } else { 0 }));
        for server_bits in [None, Some(9), Some(9 + (round % 7) as u8)] {
            let deflate = Deflate { server_bits };
            let first = compress(deflate, &message, false).unwrap();
            let last = compress(deflate, &message, true).unwrap();
            let packed = [&first[..], &last, &TAIL].concat();
            let mut out = Vec::with_capacity(2 * message.len() + 1);
            let mut fresh = Decompress::new(false);
            fresh
                .decompress_vec(&packed, &mut out, FlushDecompress::Sync)
                .unwrap();
            assert!(out == message.repeat(2), "round {round}, {server_bits:?}");
        }
    }
}

#[test]
fn what_is_no_deflate_is_a_violation() {
    assert_eq!(inflate(&[0xff; 20], 1000), Err(Violation::BAD_DEFLATE));
    // And costs the next message nothing.
    assert_eq!(
        inflate(&compress(ANY, b"next", true).unwrap(), 4).unwrap(),
        "next"
    );
}

proptest! {
    #[test]
    fn a_message_survives(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..100_000),
            proptest::collection::vec(b'a'..b'd', 0..100_000),
        ],
        bits in proptest::option::of(9_u8..=15),
    ) {
        let packed = compress(Deflate { server_bits: bits }, &bytes, true).unwrap();
        prop_assert_eq!(&inflate(&packed, bytes.len()).unwrap()[..], &bytes[..]);
    }

    #[test]
    fn fragments_that_are_compressed_by_themselves_are_one_message(
        parts in proptest::collection::vec(proptest::collection::vec(b'a'..b'd', 0..5000), 1..5),
    ) {
        let last = parts.len() - 1;
        let fragments = parts.iter().enumerate();
        let packed = fragments.map(|(at, part)| compress(ANY, part, at == last).unwrap());
        let packed = packed.collect::<Vec<_>>().concat();
        let whole = parts.concat();
        prop_assert_eq!(&inflate(&packed, whole.len()).unwrap()[..], &whole[..]);
    }

    #[test]
    fn rubbish_does_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..1000)) {
        if let Ok(inflated) = inflate(&bytes, 5000) {
            prop_assert!(inflated.len() <= 5000);
        }
    }
}
