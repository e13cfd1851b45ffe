#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
    let mut bytes = (payload as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags, 0, 0, 0, 1]);
    bytes.resize(HEAD_BYTES + payload, b'x');
    bytes
}

fn nothing() -> Given {
    Given {
        bytes: 0,
        pieces: 0,
    }
}

/// How many of these frames a new connection bears, up to `most`.
fn borne(bytes: &[u8], most: usize, given: impl Fn(usize) -> Given) -> usize {
    let mut toll = Toll::default();
    assert!(toll.pays_for(PREFACE, nothing));
    (0..most)
        .take_while(|&index| toll.pays_for(bytes, || given(index)))
        .count()
}

#[test]
fn frames_that_ask_for_nothing_are_too_many_in_the_end() {
    // PRIORITY, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, an empty DATA, and one that nobody knows.
    for (kind, payload) in [(2, 5), (4, 0), (6, 8), (7, 8), (8, 4), (0, 0), (99, 3)] {
        let count = borne(&frame(kind, 0, payload), 1_000_000, |_| nothing());
        assert!((10_000..20_000).contains(&count), "{kind}: {count}");
    }
    let count = borne(&frame(RST_STREAM, 0, 4), 1_000_000, |_| nothing());
    assert!((1_000..2_000).contains(&count), "{count}");
}

#[test]
fn frames_that_ask_for_something_never_are() {
    for (kind, flags, payload) in [(HEADERS, 5, 40), (DATA, 0, 300), (DATA, END_STREAM, 0)] {
        assert_eq!(
            borne(&frame(kind, flags, payload), 50_000, |_| nothing()),
            50_000
        );
    }
}

#[test]
fn responses_pay_for_the_frames_that_they_need() {
    let window = frame(8, 0, 4);
    let bytes = |index: usize| Given {
        bytes: index as u64 * BYTES_PAID_FOR,
        pieces: 0,
    };
    assert_eq!(borne(&window, 100_000, bytes), 100_000);
    let pieces = |index: usize| Given {
        bytes: 0,
        pieces: index as u32 / PAID_FOR,
    };
    assert_eq!(borne(&window, 100_000, pieces), 100_000);
    // One request each two pings.
    let mut mixed = frame(HEADERS, 5, 10);
    mixed.extend(frame(6, 0, 8));
    mixed.extend(frame(6, 0, 8));
    assert_eq!(borne(&mixed, 50_000, |_| nothing()), 50_000);
}

#[test]
fn time_pays_too() {
    let mut account = Account::default();
    for _ in 0..FRAMES.at_once {
        assert!(account.spend(&FRAMES));
    }
    let start = account.since.unwrap();
    account.refill(&FRAMES, start + Duration::from_secs(2));
    assert_eq!(account.spent, FRAMES.at_once - 2 * FRAMES.per_second);
    assert_eq!(account.since, Some(start + Duration::from_secs(2)));
    // A clock that has not moved, or backwards, gives nothing.
    account.refill(
        &FRAMES,
        Instant::now().checked_sub(Duration::from_secs(1)).unwrap(),
    );
    assert_eq!(account.spent, FRAMES.at_once - 2 * FRAMES.per_second);
}

proptest! {
    /// Where reads end makes no difference.
    #[test]
    fn frames_are_found_wherever_they_are_cut(
        frames in prop::collection::vec((0_u8..12, any::<u8>(), 0_usize..600), 0..40),
        cuts in prop::collection::vec(1_usize..50, 1..40),
    ) {
        let mut bytes = PREFACE.to_vec();
        for &(kind, flags, payload) in &frames {
            bytes.extend(frame(kind, flags, payload));
        }
        let mut whole = Toll::default();
        assert!(whole.pays_for(&bytes, nothing));
        let mut cut = Toll::default();
        let (mut rest, mut cuts) = (&*bytes, cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
            assert!(cut.pays_for(piece, nothing));
            rest = more;
        }
        prop_assert_eq!(cut.frames.spent, whole.frames.spent);
        prop_assert_eq!(cut.resets.spent, whole.resets.spent);
        prop_assert_eq!(cut.payload, 0);
        let resets = frames.iter().filter(|(kind, ..)| *kind == RST_STREAM).count();
        prop_assert_eq!(cut.resets.spent as usize, resets);
    }
}
