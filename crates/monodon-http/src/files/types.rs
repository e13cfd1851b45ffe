//! The media types of files, by their extensions.

use std::cmp::Ordering;

/// A line for each extension, in their order: `css text/css`. It is what Express sends (the mime-db
/// of its `mime-types`), and types of files that mime-db does not know. One text, because a table of
/// strings is several times as large in a library: each string has to be relocated when it is loaded.
static TYPES: &str = include_str!("types.txt");

/// The type of files with this extension, in any case of letters.
pub(super) fn of_extension(extension: &str) -> Option<&'static str> {
    let mut rest = TYPES;
    loop {
        // A line in the middle, and what is before it and behind it. Lines are ASCII.
        let start = rest[..rest.len() / 2].rfind('\n').map_or(0, |end| end + 1);
        let (line, behind) = rest[start..].split_once('\n')?;
        let (known, kind) = line.split_once(' ')?;
        rest = match in_lower_case(extension).cmp(known.bytes()) {
            Ordering::Less => &rest[..start],
            Ordering::Equal => return Some(kind),
            Ordering::Greater => behind,
        };
    }
}

fn in_lower_case(extension: &str) -> impl Iterator<Item = u8> {
    extension.bytes().map(|byte| byte.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::{TYPES, of_extension};

    #[test]
    fn every_line_is_found() {
        assert!(TYPES.lines().count() > 1000);
        for line in TYPES.lines() {
            let (extension, kind) = line.split_once(' ').expect("an extension and its type");
            assert_eq!(of_extension(extension), Some(kind), "{extension}");
            let capitals = extension.to_uppercase();
            assert_eq!(of_extension(&capitals), Some(kind), "{capitals}");
        }
    }

    #[test]
    fn lines_are_what_can_be_a_field_and_are_in_their_order() {
        let extensions = TYPES.lines().map(|line| line.split(' ').next());
        assert!(extensions.is_sorted_by(|a, b| a < b));
        for line in TYPES.lines() {
            let (extension, kind) = line.split_once(' ').expect("an extension and its type");
            assert_eq!(extension, extension.to_lowercase());
            assert_eq!(kind.split('/').count(), 2, "{line}");
            assert!(kind.bytes().all(|byte| byte.is_ascii_graphic()), "{line}");
        }
    }

    #[test]
    fn others_are_not() {
        for extension in [
            "", "unheard", "h", "htm l", "0", "zzzzzz", "HTMLX", "ſ", "hţml", " ", "\n",
        ] {
            let is_known = TYPES
                .lines()
                .any(|line| line.split(' ').next() == Some(extension));
            assert_eq!(of_extension(extension).is_some(), is_known, "{extension:?}");
        }
    }
}
