//! How a worker in a process sends batches that files come with. [`crate::courier`] reads them.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use crate::layout::BATCH_FILES;

/// The files for the next batches of a worker, and its end of the socket.
///
/// Others write to the socket, too: who calls sees to the order.
pub struct Enclosing {
    socket: OwnedFd,
    files: VecDeque<File>,
}

impl Enclosing {
    /// For a worker whose end of its socket is `socket`.
    pub fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            files: VecDeque::new(),
        }
    }

    /// Keeps a file for the next `file` record.
    pub fn add(&mut self, file: File) {
        self.files.push_back(file);
    }

    /// Sends the begin of `batch`, with the `count` files that were kept first, at most [`BATCH_FILES`]. Gives
    /// how many bytes were sent: with the first one all these files are. 0 says that the socket is full. What
    /// nobody reads any more counts as sent.
    ///
    /// # Errors
    /// When there are not so many files, or the system refuses.
    pub fn send(&mut self, batch: &[u8], count: usize) -> io::Result<usize> {
        if count > BATCH_FILES.min(self.files.len()) {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BATCH_FILES))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let files: Vec<_> = self.files.iter().take(count).map(AsFd::as_fd).collect();
        if !control.push(SendAncillaryMessage::ScmRights(&files)) {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        // Not every system has a flag that prevents SIGPIPE; Node, and Rust's own programs, ignore it.
        let flags = SendFlags::DONTWAIT;
        let sent = match sendmsg(&self.socket, &[IoSlice::new(batch)], &mut control, flags) {
            Ok(sent) => sent,
            // Too many references: of files that are on their way and not received.
            Err(Errno::AGAIN | Errno::INTR | Errno::NOBUFS | Errno::TOOMANYREFS) => return Ok(0),
            Err(Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN) => batch.len(),
            Err(error) => return Err(error.into()),
        };
        drop(files);
        self.files.drain(..count);
        Ok(sent)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

    use super::*;

    /// A pipe, whose reading end is the file: it tells what was written to the other.
    fn file(text: &str) -> File {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(text.as_bytes()).unwrap();
        File::from(OwnedFd::from(reader))
    }

    fn received(socket: &UnixStream) -> (usize, Vec<String>) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BATCH_FILES))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut bytes = vec![0; 1 << 20];
        let mut room = [io::IoSliceMut::new(&mut bytes)];
        let read = recvmsg(socket, &mut room, &mut control, RecvFlags::empty()).unwrap();
        let mut texts = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                for file in descriptors.map(File::from) {
                    let mut text = String::new();
                    (&file).read_to_string(&mut text).unwrap();
                    texts.push(text);
                }
            }
        }
        (read.bytes, texts)
    }

    fn pair() -> (Enclosing, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (Enclosing::new(ours.into()), theirs)
    }

    #[test]
    fn files_come_with_their_batch_in_their_order() {
        let (mut enclosing, theirs) = pair();
        for text in ["a", "b", "c"] {
            enclosing.add(file(text));
        }
        assert_eq!(enclosing.send(b"batch", 2).unwrap(), 5);
        assert_eq!(received(&theirs), (5, vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(enclosing.send(b"next", 1).unwrap(), 4);
        assert_eq!(received(&theirs), (4, vec!["c".to_owned()]));
    }

    #[test]
    fn a_full_socket_keeps_the_files_for_later() {
        let (mut enclosing, theirs) = pair();
        let batch = vec![0; 1 << 16];
        let mut waiting = 0;
        enclosing.add(file("late"));
        loop {
            match enclosing.send(&batch, 0).unwrap() {
                0 => break,
                sent => waiting += sent,
            }
        }
        assert_eq!(enclosing.send(&batch, 1).unwrap(), 0);
        while waiting > 0 {
            waiting -= received(&theirs).0;
        }
        assert!(enclosing.send(&batch, 1).unwrap() > 0);
        assert_eq!(received(&theirs).1, ["late"]);
    }

    #[test]
    fn what_cannot_be_sent_is_an_error() {
        let (mut enclosing, _theirs) = pair();
        assert!(enclosing.send(b"batch", 1).is_err(), "no file is kept");
        (0..=BATCH_FILES).for_each(|_| enclosing.add(file("")));
        assert!(enclosing.send(b"batch", BATCH_FILES + 1).is_err());
    }

    #[test]
    fn what_nobody_reads_counts_as_sent() {
        let (mut enclosing, theirs) = pair();
        drop(theirs);
        enclosing.add(file("lost"));
        assert_eq!(enclosing.send(b"batch", 1).unwrap(), 5);
        assert!(enclosing.files.is_empty());
    }
}
