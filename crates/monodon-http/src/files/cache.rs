//! Files that were found lately, by the path of their request: one I/O thread's.

use std::rc::Rc;
use std::time::{Duration, Instant};

use lru::LruCache;

use super::found::Found;

/// How long a file is taken to be as it was found. So this is how long a change may go unseen.
pub(crate) const FRESH: Duration = Duration::from_secs(1);
/// Bytes of content that are kept, at most; the files that were not asked for longest go first.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// Files that are kept open, at most.
const MOST_FILES: usize = 128;
/// What an entry weighs beside the content of its file.
const ENTRY_BYTES: usize = 1024;

pub(crate) struct Cache {
    files: LruCache<Box<str>, Kept>,
    bytes: usize,
    /// Files that are open.
    open: usize,
}

struct Kept {
    found: Rc<Found>,
    since: Instant,
    bytes: usize,
}

impl Cache {
    pub(crate) fn new() -> Self {
        Self {
            files: LruCache::unbounded(),
            bytes: 0,
            open: 0,
        }
    }

    /// The file for a path, if it was found less than [`FRESH`] before `now`.
    pub(crate) fn get(&mut self, path: &str, now: Instant) -> Option<Rc<Found>> {
        let kept = self.files.get(path)?;
        if now.duration_since(kept.since) < FRESH {
            return Some(Rc::clone(&kept.found));
        }
        None
    }

    /// Keeps what was found, if its content is small.
    pub(crate) fn put(&mut self, path: &str, found: &Rc<Found>, since: Instant) {
        let Some(content) = found.kept_bytes() else {
            self.forget(path);
            return;
        };
        let bytes = content + path.len() + ENTRY_BYTES;
        let found = Rc::clone(found);
        let kept = Kept {
            found,
            since,
            bytes,
        };
        self.bytes += bytes;
        self.open += kept.found.open_files();
        if let Some(old) = self.files.put(path.into(), kept) {
            self.subtract(&old);
        }
        while (self.bytes > MOST_BYTES || self.open > MOST_FILES)
            && let Some((_, oldest)) = self.files.pop_lru()
        {
            self.subtract(&oldest);
        }
    }

    fn subtract(&mut self, gone: &Kept) {
        self.bytes -= gone.bytes;
        self.open -= gone.found.open_files();
    }

    /// Closes files that were found [`FRESH`] before `now` or earlier: an open one keeps its disk from
    /// being unmounted, and its room from being free once it is deleted.
    pub(crate) fn close_stale(&mut self, now: Instant) {
        if self.open == 0 {
            return;
        }
        let is_stale =
            |kept: &Kept| kept.found.open_files() > 0 && now.duration_since(kept.since) >= FRESH;
        let kept = self.files.iter();
        let stale: Vec<Box<str>> = kept
            .filter(|(_, kept)| is_stale(kept))
            .map(|(path, _)| path.clone())
            .collect();
        for path in &stale {
            self.forget(path);
        }
    }

    /// There is no such file, or none that is kept.
    pub(crate) fn forget(&mut self, path: &str) {
        if let Some(old) = self.files.pop(path) {
            self.subtract(&old);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cache, FRESH, MOST_BYTES, MOST_FILES};
    use crate::files::found::{COPIED_BYTES, Found, KEPT_BYTES, Looked};
    use crate::files::mode::Mode;
    use crate::files::root::Root;
    use crate::files::rules::CacheRules;
    use crate::files::scratch::Scratch;
    use std::rc::Rc;
    use std::time::{Duration, Instant};

    fn found(bytes: u64) -> Rc<Found> {
        let scratch = Scratch::new();
        scratch.write("a", vec![0; bytes as usize]);
        let root = Root::open(&scratch.path("")).expect("the root");
        let rules = CacheRules::new(Duration::ZERO, &[]);
        match Found::look(&root, "a", "/a", &rules, Mode::Wait).expect("a look") {
            Looked::File(found) => Rc::new(*found),
            _ => panic!("not found"),
        }
    }

    #[test]
    fn a_file_is_looked_for_again_after_its_time() {
        let (mut cache, now) = (Cache::new(), Instant::now());
        cache.put("/a", &found(5), now);
        assert!(cache.get("/a", now).is_some());
        assert!(cache.get("/a", now + FRESH).is_none());
        assert!(cache.get("/b", now).is_none());
        cache.forget("/a");
        assert!(cache.get("/a", now).is_none());
        assert_eq!(cache.bytes, 0);
    }

    #[test]
    fn its_bytes_are_bounded_and_the_oldest_go_first() {
        let (mut cache, now) = (Cache::new(), Instant::now());
        let file = found(KEPT_BYTES);
        for index in 0..400 {
            cache.put(&format!("/{index}"), &file, now);
            // Asked for all the while.
            assert!(cache.get("/0", now).is_some());
        }
        assert!(cache.bytes <= MOST_BYTES);
        assert!(cache.get("/1", now).is_none() && cache.get("/399", now).is_some());
        cache.put("/399", &found(KEPT_BYTES + 1), now);
        assert!(cache.get("/399", now).is_none());
        for index in 0..400 {
            cache.forget(&format!("/{index}"));
        }
        assert_eq!((cache.bytes, cache.open), (0, 0));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn few_files_are_open_and_none_for_long() {
        let (mut cache, now) = (Cache::new(), Instant::now());
        let (file, small) = (found(COPIED_BYTES + 1), found(COPIED_BYTES));
        assert_eq!((file.open_files(), small.open_files()), (1, 0));
        cache.put("/small", &small, now);
        for index in 0..=MOST_FILES {
            cache.put(&format!("/{index}"), &file, now);
        }
        assert_eq!(cache.open, MOST_FILES);
        cache.put("/late", &file, now + FRESH);
        cache.close_stale(now + FRESH);
        assert_eq!(cache.open, 1);
        cache.close_stale(now + 2 * FRESH);
        assert_eq!(cache.open, 0);
    }
}
