//! Files that the app hands over by the field `X-Sendfile`, as Apache's `mod_xsendfile` and lighttpd
//! have it (`--sendfile-root`).

use std::path::{Component, Path};

use http::{HeaderName, HeaderValue};
use percent_encoding::percent_decode;

use super::mounts::Handed;

pub(crate) const X_SENDFILE: HeaderName = HeaderName::from_static("x-sendfile");

impl Handed {
    /// The name below the root that the field's value stands for: a path in the file system, which
    /// begins with the root's or is relative to it. It is percent-encoded, so that names may have
    /// characters that fields may not; a `%` that is no escape stands for itself. `None` if it leads
    /// elsewhere.
    pub(crate) fn name(&self, value: &HeaderValue) -> Option<String> {
        let decoded = percent_decode(value.as_bytes()).decode_utf8().ok()?;
        let path = Path::new(&*decoded);
        let below = if path.has_root() {
            let root = path.strip_prefix(&self.given);
            root.or_else(|_| path.strip_prefix(self.root.path())).ok()?
        } else {
            path
        };
        let mut name = String::new();
        for part in below.components() {
            let part = match part {
                Component::Normal(part) => part,
                Component::CurDir => continue,
                _ => return None,
            };
            if !name.is_empty() {
                name.push('/');
            }
            name.push_str(part.to_str().filter(|part| !part.contains('\0'))?);
        }
        (!name.is_empty()).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::Handed;
    use crate::files::root::Root;
    use crate::files::scratch::Scratch;
    use http::HeaderValue;
    use std::sync::Arc;

    #[cfg(unix)]
    #[test]
    fn the_path_is_the_file_systems_or_relative_to_the_root() {
        let scratch = Scratch::new();
        scratch.write("root/a", "");
        std::os::unix::fs::symlink("root", scratch.path("link")).expect("a link");
        let handed = Handed {
            root: Arc::new(Root::open(&scratch.path("link")).expect("the root")),
            given: scratch.path("link"),
        };
        let base = scratch.path("");
        let base = base.display();
        for (value, expected) in [
            ("a.pdf".to_owned(), Some("a.pdf")),
            ("d/.hidden".to_owned(), Some("d/.hidden")),
            ("./d//a".to_owned(), Some("d/a")),
            (format!("{base}root/d/a"), Some("d/a")),
            (format!("{base}link/d/a"), Some("d/a")),
            ("%E2%82%AC%20100%.pdf".to_owned(), Some("\u{20ac} 100%.pdf")),
            (format!("{base}root/../secret"), None),
            (format!("{base}rootless/a"), None),
            (format!("{base}root"), None),
            ("../a".to_owned(), None),
            ("d/%2e%2e/%2e%2e/a".to_owned(), None),
            ("/etc/passwd".to_owned(), None),
            ("a%00b".to_owned(), None),
            ("%ff".to_owned(), None),
            (String::new(), None),
        ] {
            let field = HeaderValue::from_bytes(value.as_bytes()).expect("a value");
            assert_eq!(handed.name(&field).as_deref(), expected, "{value}");
        }
    }
}
