//! The field `Range` (RFC 9110 section 14.2).
//!
//! The crate `http-range-header` does not fit: it refuses ranges that overlap instead of joining
//! them, and sets no bound to their number.

use std::ops::Range;

use http::HeaderValue;

/// Ranges of one request, at most. Players and readers of PDF ask for a few; more is an attempt to
/// have the server work.
const MOST: usize = 32;

/// What a client wants of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it: the field is none that is understood (section 14.2: it is ignored then).
    Whole,
    /// These parts, in the order asked for; none is empty, none touches another. So together they are
    /// no longer than the file.
    Parts(Vec<Range<u64>>),
    /// Nothing that there is, or too many parts: 416.
    Nothing,
}

/// Reads the field for a file of this many bytes.
pub(crate) fn wanted(field: &HeaderValue, length: u64) -> Wanted {
    let Some(ranges) = specs(field) else {
        return Wanted::Whole;
    };
    let mut parts: Vec<Range<u64>> = Vec::new();
    let mut is_empty = true;
    for (count, spec) in ranges.split(',').map(str::trim).enumerate() {
        if count == MOST {
            return Wanted::Nothing;
        }
        if spec.is_empty() {
            continue;
        }
        let Some(range) = range(spec, length) else {
            return Wanted::Whole;
        };
        is_empty = false;
        if !range.is_empty() {
            join(&mut parts, range);
        }
    }
    if is_empty {
        Wanted::Whole
    } else if parts.is_empty() {
        Wanted::Nothing
    } else {
        Wanted::Parts(parts)
    }
}

/// What follows `bytes=`; units are compared without regard to case (section 14.1).
fn specs(field: &HeaderValue) -> Option<&str> {
    let (unit, ranges) = field.to_str().ok()?.split_once('=')?;
    unit.trim().eq_ignore_ascii_case("bytes").then_some(ranges)
}

/// One `first-last`, `first-` or `-count`. An empty range is one beyond the file's end.
fn range(spec: &str, length: u64) -> Option<Range<u64>> {
    let (first, last) = spec.split_once('-')?;
    let (first, last) = (first.trim_end(), last.trim_start());
    if first.is_empty() {
        return Some(length.saturating_sub(number(last)?)..length);
    }
    let first = number(first)?;
    let end = if last.is_empty() {
        length
    } else {
        let last = number(last)?;
        if last < first {
            return None;
        }
        last.saturating_add(1).min(length)
    };
    Some(first.min(end)..end)
}

/// Digits; a number that is too large is as good as the largest.
fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Adds a range, in one with those that it overlaps or touches (section 14.2 allows it).
fn join(parts: &mut Vec<Range<u64>>, mut new: Range<u64>) {
    let mut at = parts.len();
    let mut index = 0;
    while index < parts.len() {
        let part = &parts[index];
        if part.start <= new.end && new.start <= part.end {
            new = part.start.min(new.start)..part.end.max(new.end);
            at = at.min(index);
            parts.remove(index);
            // What was looked at may touch it now that it is longer.
            index = 0;
        } else {
            index += 1;
        }
    }
    parts.insert(at.min(parts.len()), new);
}

#[cfg(test)]
mod tests {
    use super::{MOST, Wanted, wanted};
    use http::HeaderValue;
    use proptest::prelude::*;

    fn of(field: &str, length: u64) -> Wanted {
        wanted(&HeaderValue::from_str(field).expect(field), length)
    }

    fn parts(ranges: &[(u64, u64)]) -> Wanted {
        Wanted::Parts(ranges.iter().map(|&(start, end)| start..end).collect())
    }

    #[test]
    fn ranges_are_read_as_rfc_9110_has_them() {
        for (field, expected) in [
            ("bytes=0-0", parts(&[(0, 1)])),
            ("bytes=0-499", parts(&[(0, 100)])),
            ("bytes=-10", parts(&[(90, 100)])),
            ("bytes=-500", parts(&[(0, 100)])),
            ("bytes=95-", parts(&[(95, 100)])),
            ("Bytes=1-2", parts(&[(1, 3)])),
            ("bytes=0-1, 10-11", parts(&[(0, 2), (10, 12)])),
            ("bytes=10-11,0-1", parts(&[(10, 12), (0, 2)])),
            ("bytes=,,0-1,,", parts(&[(0, 2)])),
            ("bytes=0-1,200-300", parts(&[(0, 2)])),
            ("bytes=0-99999999999999999999999", parts(&[(0, 100)])),
            // Joined: they overlap or touch.
            ("bytes=0-9,5-19", parts(&[(0, 20)])),
            ("bytes=0-9,10-19", parts(&[(0, 20)])),
            ("bytes=0-1,50-51,1-50", parts(&[(0, 52)])),
            // Beyond the end.
            ("bytes=100-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            // Not understood.
            ("bytes=", Wanted::Whole),
            ("bytes=,", Wanted::Whole),
            ("bytes=5-2", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=1-2-3", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("bytes=1", Wanted::Whole),
            ("lines=1-2", Wanted::Whole),
            ("0-1", Wanted::Whole),
        ] {
            assert_eq!(of(field, 100), expected, "{field}");
        }
    }

    #[test]
    fn an_empty_file_has_no_part() {
        for field in ["bytes=0-", "bytes=-1", "bytes=0-0"] {
            assert_eq!(of(field, 0), Wanted::Nothing, "{field}");
        }
    }

    #[test]
    fn too_many_are_refused() {
        let many = |count: usize| {
            let list: Vec<String> = (0..count)
                .map(|at| format!("{}-{}", 3 * at, 3 * at))
                .collect();
            format!("bytes={}", list.join(","))
        };
        assert!(matches!(of(&many(MOST), 1000), Wanted::Parts(parts) if parts.len() == MOST));
        assert_eq!(of(&many(MOST + 1), 1000), Wanted::Nothing);
    }

    proptest! {
        #[test]
        fn parts_are_disjoint_and_cover_what_was_asked(
            length in 0_u64..50,
            asked in proptest::collection::vec((0_u64..60, 0_u64..60), 1..MOST),
        ) {
            let specs: Vec<String> = asked.iter().map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))).collect();
            let covered = |at: u64| asked.iter().any(|(a, b)| (a.min(b)..=a.max(b)).contains(&&at));
            match of(&format!("bytes={}", specs.join(",")), length) {
                Wanted::Parts(parts) => {
                    let total: u64 = parts.iter().map(|part| part.end - part.start).sum();
                    prop_assert!(total <= length);
                    for at in 0..length {
                        let count = parts.iter().filter(|part| part.contains(&at)).count();
                        prop_assert_eq!(count, usize::from(covered(at)));
                    }
                    prop_assert!(parts.iter().all(|part| !part.is_empty() && part.end <= length));
                }
                Wanted::Nothing => prop_assert!((0..length).all(|at| !covered(at))),
                Wanted::Whole => prop_assert!(false),
            }
        }

        #[test]
        fn any_text_is_read(text in "[ -~]{0,40}", length in 0_u64..1000) {
            if let Wanted::Parts(parts) = of(&format!("bytes={text}"), length) {
                prop_assert!(parts.iter().all(|part| !part.is_empty() && part.end <= length));
            }
        }
    }
}
