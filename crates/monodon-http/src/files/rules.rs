//! What is said of a file by its name: its type, and how long it may be kept.

use std::time::Duration;

use http::HeaderValue;

use super::types;

/// How long files may be kept by browsers and caches.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CacheRules {
    usual: HeaderValue,
    /// Paths under which every file has a name of its own for each content (`--static-immutable`).
    immutable: Vec<String>,
}

/// A year is what caches take for "for ever".
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Kept, and asked about each time.
const REVALIDATED: HeaderValue = HeaderValue::from_static("no-cache");

impl CacheRules {
    pub(crate) fn new(max_age: Duration, immutable: &[String]) -> Self {
        let seconds = max_age.as_secs();
        let usual = HeaderValue::try_from(format!("public, max-age={seconds}"));
        Self {
            usual: usual.ok().filter(|_| seconds > 0).unwrap_or(REVALIDATED),
            immutable: immutable.to_vec(),
        }
    }

    /// What `Cache-Control` says of the file with this path, of a request, and type.
    ///
    /// A page names the other files of its version, by their hashes; kept too long, it names files
    /// that are gone. So `--static-max-age` is not for pages.
    pub(crate) fn of(&self, path: &str, kind: &HeaderValue) -> HeaderValue {
        if kind.as_bytes().starts_with(b"text/html") {
            return REVALIDATED;
        }
        let is_immutable = self.immutable.iter().any(|prefix| is_under(path, prefix));
        if is_immutable || has_hash(path) {
            IMMUTABLE
        } else {
            self.usual.clone()
        }
    }
}

/// Whether the path is the prefix or below it.
pub(crate) fn is_under(path: &str, prefix: &str) -> bool {
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether the name holds a hash of the file's content, as webpack, Parcel, Sprockets and
/// Django write it: eight or more hexadecimal digits, letters and figures among them, between
/// dots, dashes or underscores, before the extension. Other alphabets cannot be told from words.
fn has_hash(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let Some((stem, _)) = name.rsplit_once('.') else {
        return false;
    };
    let mut parts = stem.split(['.', '-', '_']);
    parts.any(|part| {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        part.len() >= 8
            && part.bytes().all(is_hex)
            && part.bytes().any(|byte| byte.is_ascii_digit())
            && part.bytes().any(|byte| byte.is_ascii_alphabetic())
    })
}

/// The type of a file with this name.
pub(crate) fn kind(name: &str) -> HeaderValue {
    let extension = name.rsplit('/').next().unwrap_or_default().rsplit_once('.');
    let extension = extension.map_or("", |(_, extension)| extension);
    let kind = types::of_extension(extension).unwrap_or("application/octet-stream");
    if kind.starts_with("text/") {
        // A text without a charset is read in the one of the reader's country by some.
        let text = HeaderValue::try_from(format!("{kind}; charset=utf-8"));
        return text.unwrap_or(HeaderValue::from_static("text/plain; charset=utf-8"));
    }
    HeaderValue::from_static(kind)
}

#[cfg(test)]
mod tests {
    use super::{CacheRules, has_hash, is_under, kind};
    use std::time::Duration;

    #[test]
    fn hashes_are_told_from_words_and_dates() {
        for path in [
            "/main.8e0d62a1.js",
            "/a/app.55e7cbb9ba48.css",
            "/logo-8e0d62a1b2c3d4e5f60718293a4b5c6d.png",
            "/runtime~main.8e0d62a1.js.map",
            "/vendor_8e0d62a1.js",
            "/8e0d62a1.js",
        ] {
            assert!(has_hash(path), "{path}");
        }
        for path in [
            "/index.html",
            "/jquery-3.7.1.min.js",
            "/report-20240131.pdf",
            "/defaced.png",
            "/decade.js",
            "/facade-deadbeef.js",
            "/photo-vacation1.jpg",
            "/8e0d62a1",
            "/8e0d62a1/app.js",
            "/DSC00012.jpg",
        ] {
            assert!(!has_hash(path), "{path}");
        }
    }

    #[test]
    fn pages_are_never_kept_and_hashed_files_for_ever() {
        let rules = CacheRules::new(Duration::from_secs(300), &["/assets/".to_owned()]);
        for (path, expected) in [
            ("/index.html", "no-cache"),
            ("/assets/page.html", "no-cache"),
            ("/app.js", "public, max-age=300"),
            ("/assetsx/app.js", "public, max-age=300"),
            (
                "/assets/app-BX8s9d2f.js",
                "public, max-age=31536000, immutable",
            ),
            (
                "/app.55e7cbb9ba48.js",
                "public, max-age=31536000, immutable",
            ),
        ] {
            assert_eq!(rules.of(path, &kind(path)), expected, "{path}");
        }
        assert_eq!(
            CacheRules::new(Duration::ZERO, &[]).of("/a.js", &kind("/a.js")),
            "no-cache"
        );
    }

    #[test]
    fn types_go_by_the_extension() {
        for (name, expected) in [
            ("/a.html", "text/html; charset=utf-8"),
            ("/a.CSS", "text/css; charset=utf-8"),
            ("/a.js", "text/javascript; charset=utf-8"),
            ("/a.mjs", "text/javascript; charset=utf-8"),
            ("/a.json", "application/json"),
            ("/a.js.map", "application/json"),
            ("/a.svg", "image/svg+xml"),
            ("/a.webp", "image/webp"),
            ("/a.avif", "image/avif"),
            ("/a.wasm", "application/wasm"),
            ("/a.woff2", "font/woff2"),
            ("/a.mp4", "video/mp4"),
            ("/a.pdf", "application/pdf"),
            ("/a.txt", "text/plain; charset=utf-8"),
            ("/site.webmanifest", "application/manifest+json"),
            ("/a.d/README", "application/octet-stream"),
            ("/a.unheard", "application/octet-stream"),
        ] {
            assert_eq!(kind(name), expected, "{name}");
        }
    }

    #[test]
    fn a_prefix_ends_where_a_part_does() {
        assert!(is_under("/static", "/static"));
        assert!(is_under("/static/", "/static/"));
        assert!(is_under("/static/a", "/static"));
        assert!(is_under("/a", "/"));
        assert!(!is_under("/statics", "/static"));
        assert!(!is_under("/stat", "/static"));
    }
}
