//! What lines are written to: a file, syslog, or statsd.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

use super::datagrams::Datagrams;
use super::syslog::Syslog;
use crate::report::{self, code};

/// What lines are written to.
pub(crate) enum Target {
    File(LogFile),
    Syslog(Box<Syslog>),
    Statsd(Datagrams),
}

impl Target {
    /// How it is called in messages.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(file) => file.name(),
            Self::Syslog(syslog) => syslog.name(),
            Self::Statsd(statsd) => statsd.name(),
        }
    }

    /// Which of `lib/errors.ts` it is that it cannot be written.
    pub(super) fn fault(&self) -> &'static str {
        match self {
            Self::File(_) => code::FILE_NOT_WRITABLE,
            Self::Syslog(_) | Self::Statsd(_) => code::LOG_NOT_TAKEN,
        }
    }

    /// Why it cannot be written, in words.
    pub(super) fn reason(&self, error: &io::Error) -> String {
        match (self, error.kind()) {
            (Self::File(_), _) => report::reason(error),
            (_, io::ErrorKind::NotFound) => "there is no such socket".to_owned(),
            (_, io::ErrorKind::ConnectionRefused) => "nobody listens there".to_owned(),
            _ => report::reason(error),
        }
    }

    /// Opens it anew.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.reopen(),
            Self::Syslog(syslog) => {
                syslog.reconnect();
                Ok(())
            }
            // It is no log: nobody has moved it away.
            Self::Statsd(_) => Ok(()),
        }
    }

    /// Writes some of the lines and gives back how many bytes they were.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(lines),
            Self::Syslog(syslog) => syslog.write(lines),
            Self::Statsd(statsd) => statsd.write(lines),
        }
    }

    /// Ends a line whose rest was lost, so that the next one begins at a line's start.
    pub(super) fn end_broken_line(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.end_broken_line(),
            Self::Syslog(_) | Self::Statsd(_) => Ok(()),
        }
    }
}

/// An open file.
pub(crate) struct LogFile {
    /// `None` for standard output.
    path: Option<PathBuf>,
    file: File,
    /// The last write ended amid a line.
    is_amid_line: bool,
}

impl LogFile {
    /// Opens the file `name` for appending, and creates it if need be; `-` is standard output.
    pub(crate) fn open(name: &str) -> io::Result<Self> {
        if name == "-" {
            return Ok(Self::of(None, standard_output()?));
        }
        // It is opened anew later, perhaps from another working directory.
        let path = std::path::absolute(name)?;
        let file = append_to(&path)?;
        Ok(Self::of(Some(path), file))
    }

    pub(super) fn of(path: Option<PathBuf>, file: File) -> Self {
        Self {
            path,
            file,
            is_amid_line: false,
        }
    }

    fn name(&self) -> String {
        match &self.path {
            Some(path) => path.display().to_string(),
            None => "standard output".to_owned(),
        }
    }

    /// Opens the file of that name anew: the present one was moved away. After an error the present
    /// one is kept.
    fn reopen(&mut self) -> io::Result<()> {
        if let Some(path) = &self.path {
            self.file = append_to(path)?;
            self.is_amid_line = false;
        }
        Ok(())
    }

    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let written = self.file.write(lines)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.is_amid_line = lines[written - 1] != b'\n';
        Ok(written)
    }

    fn end_broken_line(&mut self) -> io::Result<()> {
        if self.is_amid_line {
            self.file.write_all(b"\n")?;
            self.is_amid_line = false;
        }
        Ok(())
    }
}

fn append_to(path: &std::path::Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// A descriptor of its own for standard output: no other writer's buffer or lock comes between.
#[cfg(unix)]
fn standard_output() -> io::Result<File> {
    use std::os::fd::AsFd;
    Ok(io::stdout().as_fd().try_clone_to_owned()?.into())
}

#[cfg(windows)]
fn standard_output() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    Ok(io::stdout().as_handle().try_clone_to_owned()?.into())
}
