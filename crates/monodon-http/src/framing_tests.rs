use proptest::prelude::*;

use super::Guard;
use crate::framing::limits::Limits;
use crate::options::Options;

fn limits() -> Limits {
    Limits::new(&Options::default())
}

/// Offers the input in pieces, as a connection does: what was not taken comes again with what follows.
/// Gives back where each message ended.
fn ends_of(input: &[u8], mut next_piece: impl FnMut() -> usize) -> Vec<usize> {
    let (mut guard, limits) = (Guard::new(false), limits());
    let (mut taken, mut offered, mut ends) = (0, 0, Vec::new());
    while taken < input.len() {
        let admitted = guard.admit(&input[taken..offered], &limits);
        taken += admitted;
        if guard.is_complete() {
            ends.push(taken);
            guard.next_message();
        } else if admitted == 0 {
            if guard.rejection().is_some() || guard.is_broken() || offered == input.len() {
                break;
            }
            offered = input.len().min(offered + next_piece());
        }
    }
    ends
}

const MESSAGES: [&str; 5] = [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n\r\n\r\n\r",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0\r\n\r\r\n0\r\nX: y\r\n\r\n",
    "\r\nPUT / HTTP/1.0\r\nContent-Length: 0\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\nExpect: 100-Continue\r\n\r\n",
];

#[test]
fn finds_where_messages_end_however_they_come() {
    let input = MESSAGES.concat();
    let wanted: Vec<usize> = MESSAGES
        .iter()
        .scan(0, |end, message| {
            *end += message.len();
            Some(*end)
        })
        .collect();
    for size in 1..=input.len() {
        assert_eq!(
            ends_of(input.as_bytes(), || size),
            wanted,
            "in pieces of {size}"
        );
    }
    // A pseudo-random walk over piece sizes, different in each round.
    let mut seed = 1_u64;
    for _ in 0..2000 {
        let pieces = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 60) as usize + 1
        };
        assert_eq!(ends_of(input.as_bytes(), pieces), wanted);
    }
}

#[test]
fn a_line_passes_whole_or_not_at_all() {
    let (mut guard, limits) = (Guard::new(false), limits());
    assert_eq!(guard.admit(b"GET / HTTP/1.1\r", &limits), 0);
    assert_eq!(guard.admit(b"GET / HTTP/1.1\r\nHost: a", &limits), 16);
    assert_eq!(
        guard.admit(b"Host: a\r\nX: y\r\n Z", &limits),
        15,
        "the folded line is not whole yet"
    );
    assert!(guard.rejection().is_none());
    assert_eq!(guard.admit(b" Z\r\n", &limits), 0);
    assert!(guard.rejection().is_some(), "now it is, and refused");
    assert_eq!(
        guard.admit(b"\r\n", &limits),
        0,
        "nothing passes after a refusal"
    );
}

#[test]
fn holds_the_next_message_back() {
    let (mut guard, limits) = (Guard::new(false), limits());
    let one = MESSAGES[0].len();
    let two = MESSAGES[0].repeat(2);
    assert_eq!(guard.admit(two.as_bytes(), &limits), one);
    assert_eq!(guard.admit(&two.as_bytes()[one..], &limits), 0);
    assert_eq!(guard.heads(), 1);
    guard.next_message();
    assert_eq!(guard.admit(&two.as_bytes()[one..], &limits), one);
    assert_eq!(guard.heads(), 2);
}

/// What requests, good and bad ones, are made of.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let known: &[&[u8]] = &[
        b"GET / HTTP/1.1\r\n",
        b"POST /a HTTP/1.0\r\n",
        b"HEAD http://b/ HTTP/1.1\r\n",
        b"Host: a\r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: 0\r\n",
        b"Content-Length: 5, 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip\r\n",
        b"transfer-encoding : chunked\r\n",
        b" folded\r\n",
        b"X: y\n",
        b"\r\n",
        b"\r",
        b"\n",
        b"5\r\nhello\r\n",
        b"5;a=b\r\nhello\r\n",
        b"0\r\n\r\n",
        b"0\r\nT: v\r\n\r\n",
        b"ffffffffffffffff\r\n",
        b"hello",
    ];
    let known = prop::sample::select(known).prop_map(<[u8]>::to_vec);
    prop_oneof![8 => known, 1 => prop::collection::vec(any::<u8>(), 0..6)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Else a client could have the parser behind see other messages than the guard, by its timing.
    #[test]
    fn how_bytes_are_cut_decides_nothing(
        fragments in prop::collection::vec(fragment(), 0..16),
        sizes in prop::collection::vec(1_usize..24, 1..8),
    ) {
        let input = fragments.concat();
        let mut next = sizes.iter().cycle();
        let cut = ends_of(&input, || next.next().copied().unwrap_or(1));
        prop_assert_eq!(cut, ends_of(&input, || input.len()));
    }
}
