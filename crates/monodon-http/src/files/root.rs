//! A folder that files are served from, and the opening of what is below it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

#[cfg(unix)]
use super::beneath as reach;
#[cfg(not(unix))]
use super::canonical as reach;
use super::mode::Mode;

/// What there is at a path.
pub(crate) enum Opened {
    File(Open),
    Folder,
    /// Nothing, or nothing that is to be served: a symlink that leaves the root, a FIFO, a device.
    Nothing,
}

/// A regular file.
pub(crate) struct Open {
    pub(crate) file: File,
    pub(crate) stamp: Stamp,
}

/// What tells one content of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) length: u64,
    pub(crate) modified: SystemTime,
}

impl Stamp {
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            length: metadata.len(),
            modified: metadata.modified()?,
        })
    }
}

/// A folder that is open. It stays the same folder when another one takes its name.
pub(crate) struct Root {
    path: PathBuf,
    folder: reach::Folder,
}

impl Root {
    /// # Errors
    /// What the system says of a folder that cannot be opened.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        Ok(Self {
            folder: reach::Folder::open(&path)?,
            path,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder that has the path now, if that is another one.
    pub(crate) fn renewed(&self) -> Option<Self> {
        let folder = self.folder.renewed(&self.path)?;
        let path = self.path.clone();
        Some(Self { path, folder })
    }

    /// Opens what is at `name`, below this folder whatever symlinks are on the way. `name` has no
    /// part that is empty, `.` or `..`; without any part it is the folder itself.
    ///
    /// # Errors
    /// When it is there and cannot be opened; `WouldBlock` as [`Mode::Now`] says.
    pub(crate) fn look(&self, name: &str, mode: Mode) -> io::Result<Opened> {
        let file = match self
            .folder
            .open_below(if name.is_empty() { "." } else { name }, mode)
        {
            Ok(file) => file,
            Err(error) if reach::is_absence(&error) => return Ok(Opened::Nothing),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Ok(Opened::Folder);
        }
        if !metadata.is_file() {
            return Ok(Opened::Nothing);
        }
        let stamp = Stamp {
            length: metadata.len(),
            modified: metadata.modified()?,
        };
        Ok(Opened::File(Open { file, stamp }))
    }
}
