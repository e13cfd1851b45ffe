use http::HeaderValue;
use proptest::prelude::*;

use super::*;

const OURS: [Coding; 3] = [Coding::Zstd, Coding::Br, Coding::Gzip];

/// The body as it is.
const PLAIN: Choice = Choice {
    coding: None,
    refuses_identity: false,
};

fn fields(lines: &[&str]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for line in lines {
        fields.append(ACCEPT_ENCODING, HeaderValue::from_str(line).unwrap());
    }
    fields
}

fn chosen(line: &str) -> Option<Coding> {
    choose(&fields(&[line]), &OURS).coding
}

#[test]
fn the_highest_weight_wins_and_then_the_servers_preference() {
    assert_eq!(chosen("gzip, deflate, br, zstd"), Some(Coding::Zstd));
    assert_eq!(chosen("gzip, br"), Some(Coding::Br));
    assert_eq!(chosen("gzip;q=1.0, br;q=0.9"), Some(Coding::Gzip));
    assert_eq!(chosen("gzip;q=0.001"), Some(Coding::Gzip));
    assert_eq!(
        chosen("zstd;q=0.5, br;q=0.501, gzip;q=0.5"),
        Some(Coding::Br)
    );
    let gzip_first = [Coding::Gzip, Coding::Zstd];
    let browser = fields(&["gzip, deflate, br, zstd"]);
    assert_eq!(choose(&browser, &gzip_first).coding, Some(Coding::Gzip));
    assert_eq!(choose(&fields(&["br"]), &gzip_first), PLAIN);
}

#[test]
fn without_the_field_or_a_coding_of_ours_the_body_stays() {
    assert_eq!(choose(&HeaderMap::new(), &OURS), PLAIN);
    for line in [
        "",
        " ",
        ",",
        "deflate",
        "compress, dcb",
        "identity",
        "gzipped",
        "gz ip",
    ] {
        assert_eq!(choose(&fields(&[line]), &OURS), PLAIN, "{line}");
    }
}

#[test]
fn a_star_stands_for_what_is_not_named() {
    assert_eq!(chosen("*"), Some(Coding::Zstd));
    assert_eq!(chosen("*;q=0.5, zstd;q=0.1"), Some(Coding::Br));
    assert_eq!(chosen("gzip, *;q=0"), Some(Coding::Gzip));
    assert_eq!(chosen("*;q=0"), None);
    assert_eq!(chosen("zstd;q=0, br;q=0, *"), Some(Coding::Gzip));
}

#[test]
fn a_client_may_prefer_or_refuse_the_body_as_it_is() {
    assert_eq!(chosen("gzip;q=0.5, identity"), None);
    assert_eq!(chosen("gzip, identity;q=0.5"), Some(Coding::Gzip));
    assert_eq!(chosen("identity, gzip"), Some(Coding::Gzip));
    for (line, refuses) in [
        ("gzip, identity;q=0", true),
        ("gzip, *;q=0", true),
        ("*;q=0", true),
        ("gzip, *;q=0, identity;q=0.1", false),
        ("gzip, *;q=0.1", false),
        ("gzip", false),
    ] {
        let choice = choose(&fields(&[line]), &OURS);
        assert_eq!(choice.refuses_identity, refuses, "{line}");
    }
}

#[test]
fn names_and_weights_are_read_whatever_their_case_and_spaces() {
    assert_eq!(chosen("GZIP"), Some(Coding::Gzip));
    assert_eq!(chosen(" \tgzip \t;  Q=0.3\t,deflate"), Some(Coding::Gzip));
    assert_eq!(chosen("x-gzip"), Some(Coding::Gzip));
    let lines = fields(&["deflate", "gzip;q=0.2, br;q=0.1"]);
    assert_eq!(choose(&lines, &OURS).coding, Some(Coding::Gzip));
}

#[test]
fn a_malformed_member_counts_as_not_there() {
    for member in [
        "gzip;q=",
        "gzip;q=2",
        "gzip;q=1.001",
        "gzip;q=0.1234",
        "gzip;q=.5",
        "gzip;q=-1",
        "gzip;level=9",
        "gzip;q=1;q=1",
        "gzip;q = 1",
        "gzip;",
        "gzip;q=0.a",
    ] {
        assert_eq!(chosen(member), None, "{member}");
        assert_eq!(
            chosen(&format!("{member}, br;q=0.1")),
            Some(Coding::Br),
            "{member}"
        );
    }
}

proptest! {
    /// Whatever comes, what is chosen is of the server's list, and the client has named it or `*`
    /// without a zero.
    #[test]
    fn nothing_is_chosen_that_the_client_has_not_offered(line in "[ -~]{0,80}") {
        let choice = choose(&fields(&[&line]), &OURS);
        if let Some(coding) = choice.coding {
            let line = line.to_ascii_lowercase();
            prop_assert!(line.contains(coding.name()) || line.contains('*'), "{line}");
        }
    }

    /// With a weight for each: the choice is the maximum, among equals the first.
    #[test]
    fn the_choice_is_the_first_maximum(
        weights in prop::array::uniform3(0..=1000u16),
        order in Just(vec![0, 1, 2]).prop_shuffle(),
        sent in Just(vec![0, 1, 2]).prop_shuffle(),
    ) {
        let preference: Vec<_> = order.iter().map(|&at| Coding::ALL[at]).collect();
        let line: Vec<_> = sent.iter().map(|&at: &usize| {
            let weight = weights[at];
            format!("{};q={}.{:03}", Coding::ALL[at].name(), weight / 1000, weight % 1000)
        }).collect();
        let best = preference.iter().copied().max_by_key(|&coding| {
            let place = preference.iter().position(|&other| other == coding).unwrap();
            (weights[coding as usize], 3 - place)
        }).filter(|&coding| weights[coding as usize] > 0);
        prop_assert_eq!(choose(&fields(&[&line.join(", ")]), &preference).coding, best);
    }
}
