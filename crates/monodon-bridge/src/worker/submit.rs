//! Answers from a worker: each record of a batch becomes a letter to the I/O thread of its exchange.

use std::collections::VecDeque;
use std::fs::File;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use monodon_http::files::FilePart;
use monodon_http::observe::Limit;

use super::{Desk, Worker};
use crate::chunk::{Borrowed, Chunk, Lender, LentMemory};
use crate::claims::Stage;
use crate::inbox::{Letter, Mail};
use crate::layout::{flag, kind};
use crate::record::{self, Malformed, Submitted};
use crate::slot::{Answer, Part};
use crate::ticket::Origin;

/// Bytes of a streamed chunk up to which it is copied out of its batch: a chunk that waits for a
/// slow client must not keep the whole batch in memory.
const COPY_BYTES: usize = 4096;

/// What has come for the `file` records of batches.
pub enum Arrival {
    /// The file of the next such record.
    File(File),
    /// The system had no descriptors for the rest of the files of one batch.
    RestLost,
}

/// What came with a batch beside its bytes.
struct Enclosed<'a> {
    /// The buffers that its records lend.
    lent: Vec<Option<Box<dyn LentMemory>>>,
    /// Gets the keys of those, in the order of the records.
    keys: &'a mut Vec<usize>,
    files: &'a mut VecDeque<Arrival>,
    /// A record of this batch has got no file, since that was lost.
    has_lost: bool,
}

/// What belongs to one record and is not in its batch.
enum Enclosure {
    Nothing,
    Memory(Box<dyn LentMemory>),
    File(File),
    LostFile,
}

impl Enclosed<'_> {
    /// What belongs to this record.
    fn take(&mut self, record: &Submitted) -> Result<Enclosure, Malformed> {
        let is_lent = record.flags & flag::LENT != 0;
        let index = match record.kind {
            kind::FILE => return self.take_file(),
            kind::RESPONSE if is_lent => record.second,
            kind::CHUNK | kind::MESSAGE_OUT if is_lent => record.first,
            _ => return Ok(Enclosure::Nothing),
        };
        let memory = self.lent.get_mut(index as usize).and_then(Option::take);
        let memory = memory.map(Enclosure::Memory);
        memory.ok_or(Malformed("a record lends a buffer that is not there"))
    }

    fn take_file(&mut self) -> Result<Enclosure, Malformed> {
        match self.files.pop_front() {
            Some(Arrival::File(file)) => Ok(Enclosure::File(file)),
            Some(Arrival::RestLost) => {
                // It is so for the rest of the batch: none of its records may have a file of the next one.
                self.files.push_front(Arrival::RestLost);
                self.has_lost = true;
                Ok(Enclosure::LostFile)
            }
            None => Err(Malformed("a file record came without a descriptor")),
        }
    }

    /// The batch is handed over.
    fn end(&mut self) {
        if mem::take(&mut self.has_lost) {
            self.files.pop_front();
        }
    }
}

impl Worker {
    /// Hands over the `count` records of `batch`. `lent` are the buffers that its records lend, by
    /// index; the keys under which `reclaim` will name them are pushed to `keys`, in that order.
    ///
    /// # Errors
    /// [`Malformed`] when the batch breaks the layout: the records before the bad one are carried
    /// out, the caller has to end the worker. Answers to exchanges that are over are dropped.
    pub fn submit(
        self: &Arc<Self>,
        batch: Bytes,
        count: usize,
        lent: Vec<Box<dyn LentMemory>>,
        keys: &mut Vec<usize>,
    ) -> Result<(), Malformed> {
        self.submit_with_files(batch, count, lent, keys, &mut VecDeque::new())
    }

    /// [`Self::submit`] where `file` records use the front of `files`.
    ///
    /// # Errors
    /// As `submit`.
    pub fn submit_with_files(
        self: &Arc<Self>,
        batch: Bytes,
        count: usize,
        lent: Vec<Box<dyn LentMemory>>,
        keys: &mut Vec<usize>,
        files: &mut VecDeque<Arrival>,
    ) -> Result<(), Malformed> {
        let mut enclosed = Enclosed {
            lent: lent.into_iter().map(Some).collect(),
            keys,
            files,
            has_lost: false,
        };
        let outcome = self.hand_over(batch, count, &mut enclosed);
        enclosed.end();
        outcome
    }

    fn hand_over(
        self: &Arc<Self>,
        batch: Bytes,
        count: usize,
        enclosed: &mut Enclosed<'_>,
    ) -> Result<(), Malformed> {
        let mut desk = self.desk();
        if desk.detached {
            enclosed.files.clear();
            return Ok(());
        }
        self.give_sign();
        desk.outgoing
            .resize_with(self.bridge.io_threads(), Vec::new);
        let mut rest = batch;
        let mut outcome = Ok(());
        for _ in 0..count {
            outcome = record::next(&mut rest)
                .and_then(|record| self.carry_out(record, &mut desk, enclosed));
            if outcome.is_err() {
                break;
            }
        }
        if outcome.is_ok() && enclosed.lent.iter().any(Option::is_some) {
            outcome = Err(Malformed("a lent buffer is in no record"));
        }
        self.held
            .store(desk.claims.held() as u32, Ordering::Relaxed);
        self.bridge.post(&mut desk.outgoing);
        let has_room = self.room(&desk) > 0;
        drop(desk);
        if has_room {
            self.open_intake();
        }
        outcome
    }

    /// Turns one record into a letter to the I/O thread of its exchange.
    fn carry_out(
        self: &Arc<Self>,
        record: Submitted,
        desk: &mut Desk,
        enclosed: &mut Enclosed<'_>,
    ) -> Result<(), Malformed> {
        if record.kind == kind::SAY {
            let heard = self.bell.hear(&record.bytes).then_some(());
            return heard.ok_or(Malformed("this worker has nothing to say"));
        }
        let enclosure = enclosed.take(&record)?;
        // An answer may cross with the end of its exchange: then it is dropped, not an error.
        let Some(claim) = desk.claims.get(record.id) else {
            self.send_back(enclosure, enclosed.keys);
            return Ok(());
        };
        let origin = claim.origin;
        let part = match enclosure {
            Enclosure::Nothing | Enclosure::LostFile => None,
            Enclosure::Memory(memory) => {
                let notify = (record.flags & flag::NOTIFY != 0).then_some(record.id);
                let chunk = self.borrow(memory, origin, notify, enclosed.keys);
                Some(Part::Chunk(chunk))
            }
            Enclosure::File(file) => {
                let (offset, length) = record::file_part(&record.bytes);
                Some(Part::File {
                    part: FilePart::new(file, offset, length),
                    is_counted: record.flags & flag::COUNTED != 0,
                })
            }
        };
        if record.kind == kind::FAIL
            && record.flags & flag::OVERFLOW != 0
            && claim.stage == Stage::Socket
        {
            self.bridge.count_limit(Limit::WebSocketBacklog);
        }
        let (id, ends) = (record.id, ends(record.kind, claim.stage));
        let was_unanswered = claim.stage == Stage::Unanswered;
        let mail = mail_of(record, part, &mut claim.stage)?;
        let begins = was_unanswered && claim.stage != Stage::Unanswered;
        if begins {
            desk.claims.begun();
        }
        if ends {
            desk.claims.remove(id);
        }
        desk.outgoing[origin.io as usize].push(Letter {
            slot: origin.slot,
            generation: origin.generation,
            mail,
        });
        Ok(())
    }

    /// Takes a buffer on loan, to be read on the I/O thread of an exchange.
    fn borrow(
        self: &Arc<Self>,
        memory: Box<dyn LentMemory>,
        origin: Origin,
        notify: Option<u32>,
        keys: &mut Vec<usize>,
    ) -> Chunk {
        let (loan, key) = self.loans.lend(memory, origin.io as usize, notify);
        keys.push(key);
        Chunk::lent(Borrowed::new(loan, Arc::<Self>::clone(self), key))
    }

    /// Nobody wants it any more. A buffer goes back through the table, as every other.
    fn send_back(&self, enclosure: Enclosure, keys: &mut Vec<usize>) {
        if let Enclosure::Memory(memory) = enclosure {
            let (_, key) = self.loans.lend(memory, 0, None);
            keys.push(key);
            self.give_back(key);
        }
    }
}

/// Whether a record is the last of its exchange.
fn ends(kind: u8, stage: Stage) -> bool {
    match kind {
        kind::RESPONSE | kind::FAIL | kind::DONE => true,
        kind::END => stage == Stage::Streaming,
        _ => false,
    }
}

/// What a record says to its exchange, if that is in the state for it.
fn mail_of(record: Submitted, part: Option<Part>, stage: &mut Stage) -> Result<Mail, Malformed> {
    Ok(match (record.kind, part, *stage) {
        (kind::RESPONSE, part, Stage::Unanswered) => {
            let mut body = record.bytes;
            let headers = body.split_to(record.first as usize);
            let body = match part {
                Some(Part::Chunk(chunk)) => chunk,
                _ => body.into(),
            };
            Mail::Answer(Answer::Whole {
                status: record.aux,
                headers,
                body,
            })
        }
        (kind::HEAD, _, Stage::Unanswered) => {
            *stage = Stage::Streaming;
            Mail::Answer(Answer::Head {
                status: record.aux,
                headers: unpinned(&record.bytes),
            })
        }
        (kind::UPGRADE, _, Stage::Unanswered) => {
            *stage = Stage::Tunnel;
            Mail::Answer(Answer::Upgrade)
        }
        (kind::ACCEPT, _, Stage::Unanswered) => {
            *stage = Stage::Socket;
            Mail::Answer(Answer::Accept {
                headers: unpinned(&record.bytes),
            })
        }
        (kind::CHUNK, part, Stage::Streaming | Stage::Tunnel) => {
            Mail::Part(Part::Chunk(chunk_of(&record, part)))
        }
        (kind::MESSAGE_OUT, part, Stage::Socket) => Mail::Part(Part::Message {
            is_text: record.flags & flag::TEXT != 0,
            is_last: record.flags & flag::MORE == 0,
            chunk: chunk_of(&record, part),
        }),
        (kind::CLOSE, _, Stage::Socket) => Mail::Part(Part::Close {
            code: record.aux,
            reason: unpinned(&record.bytes),
        }),
        (kind::FILE, Some(part), Stage::Streaming) => Mail::Part(part),
        (kind::FILE, None, Stage::Streaming) => Mail::FileLost,
        (kind::END, _, Stage::Streaming | Stage::Tunnel) => Mail::End {
            trailers: unpinned(&record.bytes),
        },
        (kind::INFORMATIONAL, _, Stage::Unanswered) => Mail::Informational {
            status: record.aux,
            headers: record.bytes,
        },
        (kind::FAIL, ..) => Mail::Fail { status: record.aux },
        (kind::WANT_BODY, ..) => Mail::WantBody(record.first),
        (kind::DONE, ..) => Mail::Fail { status: 500 },
        _ => return Err(Malformed("a record does not fit the state of its exchange")),
    })
}

/// The bytes of a record: those that it lends, or its own.
fn chunk_of(record: &Submitted, lent: Option<Part>) -> Chunk {
    match lent {
        Some(Part::Chunk(chunk)) => chunk,
        _ => unpinned(&record.bytes).into(),
    }
}

/// Bytes that may wait long: small ones are copied, so that they do not keep their batch alive.
fn unpinned(bytes: &Bytes) -> Bytes {
    if bytes.is_empty() {
        Bytes::new()
    } else if bytes.len() <= COPY_BYTES {
        Bytes::copy_from_slice(bytes)
    } else {
        bytes.clone()
    }
}
