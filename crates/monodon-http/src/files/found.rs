//! A file that was found for a path, with its precompressed siblings.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::HeaderValue;

use super::coding::{CODINGS, Coding};
use super::conditions::Validators;
use super::mode::Mode;
use super::part::FilePart;
use super::root::{Open, Opened, Root, Stamp};
use super::rules::{self, CacheRules};

/// Content of files of this size or less is kept in memory for a while: for a small file, opening it
/// costs more than sending it.
pub(crate) const KEPT_BYTES: u64 = 64 * 1024;
/// Up to so many bytes it is cheaper to copy the content behind the head than to have the kernel send it.
pub(super) const COPIED_BYTES: u64 = 16 * 1024;

/// A file and its siblings.
pub(crate) struct Found {
    pub(crate) kind: HeaderValue,
    pub(crate) cache_control: HeaderValue,
    pub(crate) plain: Variant,
    siblings: [Option<Variant>; CODINGS.len()],
}

/// A file as it can be sent.
pub(crate) struct Variant {
    pub(crate) etag: HeaderValue,
    pub(crate) last_modified: HeaderValue,
    pub(crate) stamp: Stamp,
    content: Content,
}

enum Content {
    Kept(Bytes),
    /// In memory, for those that need its bytes, and open, for the kernel to send it without a copy.
    Both(Bytes, Arc<File>),
    /// Too large to be kept: it is open for one response, and has to be opened again for the next.
    Open(Arc<File>),
}

/// Where the bytes of a response come from.
pub(crate) enum Source {
    Memory(Bytes),
    /// The same bytes in memory and in the file, unless that was written to meanwhile.
    Both(Bytes, Arc<File>),
    File(Arc<File>),
}

impl Found {
    /// Looks for `name` below `root`, and for its siblings. `path` is that of the request.
    ///
    /// # Errors
    /// As [`Root::look`]; also `WouldBlock` when the content is not in memory.
    pub(crate) fn look(
        root: &Root,
        name: &str,
        path: &str,
        rules: &CacheRules,
        mode: Mode,
    ) -> io::Result<Looked> {
        let open = match root.look(name, mode)? {
            Opened::File(open) => open,
            Opened::Folder => return Ok(Looked::Folder),
            Opened::Nothing => return Ok(Looked::Nothing),
        };
        let mut siblings = [None, None, None];
        for (place, coding) in siblings.iter_mut().zip(CODINGS) {
            let sibling = root.look(&format!("{name}{}", coding.suffix()), mode);
            match sibling {
                Ok(Opened::File(open)) => *place = Some(Variant::new(open, Some(coding), mode)?),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
                // One that cannot be read is no reason to refuse the file.
                _ => {}
            }
        }
        let kind = rules::kind(name);
        Ok(Looked::File(Box::new(Self {
            cache_control: rules.of(path, &kind),
            kind,
            plain: Variant::new(open, None, mode)?,
            siblings,
        })))
    }

    pub(crate) fn has_siblings(&self) -> bool {
        self.siblings.iter().any(Option::is_some)
    }

    pub(crate) fn variant(&self, coding: Option<Coding>) -> Option<&Variant> {
        match coding {
            None => Some(&self.plain),
            Some(coding) => self.siblings[coding as usize].as_ref(),
        }
    }

    /// Bytes that it holds in memory; `None` if one of its files has to be opened again, so that it
    /// serves for one response.
    pub(crate) fn kept_bytes(&self) -> Option<usize> {
        let variants = std::iter::once(&self.plain).chain(self.siblings.iter().flatten());
        variants.map(Variant::kept_bytes).sum()
    }

    /// How many of its files are open.
    pub(crate) fn open_files(&self) -> usize {
        let variants = std::iter::once(&self.plain).chain(self.siblings.iter().flatten());
        variants
            .filter(|variant| !matches!(variant.content, Content::Kept(_)))
            .count()
    }
}

/// What there is at a path.
pub(crate) enum Looked {
    File(Box<Found>),
    Folder,
    Nothing,
}

impl Variant {
    /// # Errors
    /// `WouldBlock` when its content is to be kept and not in memory.
    fn new(open: Open, coding: Option<Coding>, mode: Mode) -> io::Result<Self> {
        let Open { file, stamp } = open;
        Ok(Self {
            etag: etag(stamp, coding),
            last_modified: http_date(stamp.modified),
            stamp,
            content: Content::of(file, stamp, mode)?,
        })
    }

    pub(crate) fn validators(&self) -> Validators<'_> {
        Validators {
            etag: Some(&self.etag),
            modified: Some(whole_seconds(self.stamp.modified)),
        }
    }

    pub(crate) fn source(&self) -> Source {
        match &self.content {
            Content::Kept(bytes) => Source::Memory(bytes.clone()),
            Content::Both(bytes, file) => Source::Both(bytes.clone(), Arc::clone(file)),
            Content::Open(file) => Source::File(Arc::clone(file)),
        }
    }

    fn kept_bytes(&self) -> Option<usize> {
        match &self.content {
            Content::Kept(bytes) | Content::Both(bytes, _) => Some(bytes.len()),
            Content::Open(_) => None,
        }
    }
}

impl Content {
    fn of(file: File, stamp: Stamp, mode: Mode) -> io::Result<Self> {
        if stamp.length > KEPT_BYTES {
            return Ok(Self::Open(Arc::new(file)));
        }
        let file = Arc::new(file);
        let part = FilePart::new(Arc::clone(&file), 0, stamp.length);
        let block = part.next_block();
        let bytes = match mode {
            Mode::Now => block.run_now()?,
            Mode::Wait => block.run()?,
        };
        if bytes.len() as u64 == stamp.length && Stamp::of(&file)? == stamp {
            let is_sent = stamp.length > COPIED_BYTES && part.is_cached(stamp.length);
            return Ok(if is_sent {
                Self::Both(bytes, file)
            } else {
                Self::Kept(bytes)
            });
        }
        match mode {
            // Some of it was not in memory.
            Mode::Now => Err(io::ErrorKind::WouldBlock.into()),
            // Somebody writes to it at this moment. The response will tell by its length.
            Mode::Wait => Ok(Self::Open(file)),
        }
    }
}

/// The time of the last change, to the nanosecond, and the length: two contents of a file differ in
/// one of them, unless somebody sets them. A strong tag, so that parts can be asked for by it.
fn etag(stamp: Stamp, coding: Option<Coding>) -> HeaderValue {
    let since = stamp.modified.duration_since(UNIX_EPOCH);
    let nanos = since.unwrap_or_default().as_nanos();
    let suffix = coding.map_or("", |coding| &coding.suffix()[1..]);
    let dash = if coding.is_some() { "-" } else { "" };
    let text = format!("\"{nanos:x}-{:x}{dash}{suffix}\"", stamp.length);
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("\"\""))
}

fn http_date(time: SystemTime) -> HeaderValue {
    let time = time.max(UNIX_EPOCH);
    // A date in the future is the present's (RFC 9110 section 8.8.2.1).
    let time = time.min(SystemTime::now());
    HeaderValue::try_from(httpdate::fmt_http_date(time)).unwrap_or(HeaderValue::from_static(""))
}

fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::{Coding, Found, KEPT_BYTES, Looked};
    use crate::files::mode::Mode;
    use crate::files::root::Root;
    use crate::files::rules::CacheRules;
    use crate::files::scratch::Scratch;
    use std::path::Path;
    use std::time::Duration;

    fn look(root: &Path, name: &str) -> Looked {
        let root = Root::open(root).expect("the root");
        let rules = CacheRules::new(Duration::ZERO, &[]);
        Found::look(&root, name, &format!("/{name}"), &rules, Mode::Wait).expect("a look")
    }

    fn found(root: &Path, name: &str) -> Found {
        match look(root, name) {
            Looked::File(found) => *found,
            _ => panic!("{name} was not found"),
        }
    }

    #[test]
    fn siblings_are_found_and_have_tags_of_their_own() {
        let scratch = Scratch::new();
        scratch.write("a.js", "plain");
        scratch.write("a.js.gz", "gzip!");
        scratch.write("b.js", "plain");
        let a = found(&scratch.path(""), "a.js");
        let gzip = a.variant(Some(Coding::Gzip)).expect("the sibling");
        assert!(a.has_siblings() && a.variant(Some(Coding::Brotli)).is_none());
        assert_ne!(gzip.etag, a.plain.etag);
        assert!(gzip.etag.as_bytes().ends_with(b"-gz\""));
        assert!(!found(&scratch.path(""), "b.js").has_siblings());
    }

    #[test]
    fn small_files_are_kept_and_large_ones_are_not() {
        let scratch = Scratch::new();
        scratch.write("small", vec![0; KEPT_BYTES as usize]);
        scratch.write("large", vec![0; KEPT_BYTES as usize + 1]);
        assert_eq!(
            found(&scratch.path(""), "small").kept_bytes(),
            Some(KEPT_BYTES as usize)
        );
        assert_eq!(found(&scratch.path(""), "large").kept_bytes(), None);
    }

    #[test]
    fn each_content_has_its_tag() {
        let scratch = Scratch::new();
        scratch.write("a", "one");
        let before = found(&scratch.path(""), "a").plain.etag;
        assert_eq!(found(&scratch.path(""), "a").plain.etag, before);
        scratch.write("a", "longer");
        assert_ne!(found(&scratch.path(""), "a").plain.etag, before);
    }

    #[cfg(unix)]
    #[test]
    fn only_regular_files_are_found() {
        use rustix::fs::{CWD, FileType, Mode as Bits, mknodat};
        let scratch = Scratch::new();
        scratch.write("folder/a", "a");
        mknodat(CWD, scratch.path("fifo"), FileType::Fifo, Bits::RUSR, 0).expect("a FIFO");
        let _socket =
            std::os::unix::net::UnixListener::bind(scratch.path("socket")).expect("a socket");
        for name in ["fifo", "socket", "missing", "folder/a/b"] {
            assert!(
                matches!(look(&scratch.path(""), name), Looked::Nothing),
                "{name}"
            );
        }
        assert!(matches!(look(&scratch.path(""), "folder"), Looked::Folder));
    }
}
