//! Media types that are worth compressing (`--compress-types`).

/// A list of media types.
pub(super) struct Types(Vec<Pattern>);

/// All in lower case.
enum Pattern {
    Any,
    /// `text/*`: the type, with the slash.
    Type(Box<str>),
    /// `+json`: with the plus.
    Suffix(Box<str>),
    Whole(Box<str>),
}

impl Types {
    pub(super) fn parse(items: &[String]) -> Self {
        Self(items.iter().map(|item| Pattern::new(item)).collect())
    }

    /// Whether a `Content-Type` is in the list. Parameters do not count.
    pub(super) fn contain(&self, content_type: &[u8]) -> bool {
        let end = content_type
            .iter()
            .position(|&byte| byte == b';')
            .unwrap_or(content_type.len());
        let essence = content_type[..end].trim_ascii();
        !essence.is_empty() && self.0.iter().any(|pattern| pattern.matches(essence))
    }
}

impl Pattern {
    fn new(item: &str) -> Self {
        let item = item.to_ascii_lowercase();
        if item == "*" || item == "*/*" {
            return Self::Any;
        }
        match item.strip_suffix('*') {
            Some(start) if start.ends_with('/') => Self::Type(start.into()),
            _ if item.starts_with('+') => Self::Suffix(item.into()),
            _ => Self::Whole(item.into()),
        }
    }

    fn matches(&self, essence: &[u8]) -> bool {
        let is = |part: &[u8], text: &str| part.eq_ignore_ascii_case(text.as_bytes());
        match self {
            Self::Any => true,
            Self::Type(start) => essence
                .get(..start.len())
                .is_some_and(|part| is(part, start)),
            Self::Suffix(end) => essence
                .len()
                .checked_sub(end.len())
                .is_some_and(|from| is(&essence[from..], end)),
            Self::Whole(whole) => is(essence, whole),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(items: &[&str]) -> Types {
        Types::parse(
            &items
                .iter()
                .map(|&item| item.to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn a_type_is_known_whatever_its_case_and_its_parameters() {
        let types = types(&["text/*", "Application/JSON", "+xml"]);
        for known in [
            "text/plain",
            "TEXT/HTML; charset=utf-8",
            "application/json",
            "application/json ;charset=utf-8",
            "image/svg+xml",
            "application/Atom+XML;type=entry",
        ] {
            assert!(types.contain(known.as_bytes()), "{known}");
        }
        for unknown in [
            "",
            ";text/plain",
            "text",
            "textual/plain",
            "application/jsonp",
            "application/x-json",
            "image/xml2",
            "xml",
            "image/png",
        ] {
            assert!(!types.contain(unknown.as_bytes()), "{unknown}");
        }
    }

    #[test]
    fn a_star_is_every_type() {
        assert!(types(&["*"]).contain(b"image/png"));
        assert!(types(&["*/*"]).contain(b"x/y"));
        assert!(!types(&["*"]).contain(b""));
    }
}
