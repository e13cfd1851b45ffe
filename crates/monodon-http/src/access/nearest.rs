//! Which name somebody may have meant.

/// The candidate that differs the least from `name`, if it is alike: by the case of its letters, or by
/// a third of them.
pub(super) fn nearest<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    let mut same = candidates.clone();
    if let Some(same) = same.find(|candidate| candidate.eq_ignore_ascii_case(name)) {
        return Some(same);
    }
    candidates
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, candidate)| distance * 3 <= candidate.len().max(name.len()))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance, one row at a time.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn names_what_is_alike() {
        let names = ["status", "user_agent", "r", "U"];
        for (name, expected) in [
            ("statsu", Some("status")),
            ("user-agent", Some("user_agent")),
            ("R", Some("r")),
            ("u", Some("U")),
            ("x", None),
            ("nothing", None),
        ] {
            assert_eq!(nearest(name, names.into_iter()), expected, "{name}");
        }
    }
}
