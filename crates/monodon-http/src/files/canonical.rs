//! Opening below a folder where the system has no descriptors of folders: the path is resolved, and
//! compared with the folder's. Who can make links in the folder at that very moment is not kept out.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::mode::Mode;

pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if !path.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self(path.to_owned()))
    }

    /// It is found by its name each time.
    pub(crate) fn renewed(&self, _: &Path) -> Option<Self> {
        None
    }

    pub(crate) fn open_below(&self, name: &str, mode: Mode) -> io::Result<File> {
        if mode == Mode::Now {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let path = self.0.join(name).canonicalize()?;
        if !path.starts_with(&self.0) {
            return Err(io::ErrorKind::NotFound.into());
        }
        File::open(path)
    }
}

/// Whether the error says that there is nothing to be served.
pub(crate) fn is_absence(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | InvalidFilename)
}
