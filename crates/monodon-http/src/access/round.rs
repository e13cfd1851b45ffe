//! The lines of one round of an I/O thread: of what was ready when it looked for events last.
//!
//! They are appended to a little memory of the thread's own, and given to the writers at once when all that
//! was ready has had its turn. So a line costs neither a lock nor a look at the clock.

use std::rc::Rc;

use tokio::sync::Notify;

use super::clock::Clock;
use super::writer::Lane;

/// With so many bytes they are given away amid a round.
const MANY_BYTES: usize = 8 * 1024;

pub(super) struct Round {
    lines: Vec<u8>,
    count: u64,
    /// As of its first line.
    clock: Clock,
    /// Told of the first line.
    begun: Rc<Notify>,
}

impl Round {
    pub(super) fn new(clock: Clock, begun: Rc<Notify>) -> Self {
        Self {
            lines: Vec::new(),
            count: 0,
            clock,
            begun,
        }
    }

    /// Appends a line, which `write` writes with the time of the round.
    pub(super) fn append(&mut self, lanes: &[Lane], write: impl FnOnce(&Clock, &mut Vec<u8>)) {
        if self.count == 0 {
            self.clock.look();
            self.begun.notify_one();
        }
        write(&self.clock, &mut self.lines);
        self.count += 1;
        if self.lines.len() >= MANY_BYTES {
            self.give_away(lanes);
        }
    }

    /// Gives its lines to the writers.
    pub(super) fn give_away(&mut self, lanes: &[Lane]) {
        if self.count == 0 {
            return;
        }
        for lane in lanes {
            lane.append_lines(self.count, self.lines.len(), |out| {
                out.extend_from_slice(&self.lines);
            });
        }
        self.lines.clear();
        self.lines.shrink_to(2 * MANY_BYTES);
        self.count = 0;
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::{PipeReader, Read};
    use std::os::fd::OwnedFd;
    use std::rc::Rc;
    use std::sync::Arc;

    use jiff::tz::TimeZone;

    use super::{Clock, Lane, MANY_BYTES, Round};
    use crate::access::target::{LogFile, Target};
    use crate::access::writer::{LAST_LINES, Writer};
    use crate::phase::Phase;
    use crate::report::{Report, Reporter};

    const LINE: &[u8; 64] = b"0123456789012345678901234567890123456789012345678901234567890..\n";

    struct Deaf;

    impl Reporter for Deaf {
        fn report(&self, _: Report) {}

        fn phase(&self, _: Phase) {}
    }

    fn writer() -> (Writer, PipeReader) {
        let (reader, end) = std::io::pipe().expect("a pipe");
        let target = Target::File(LogFile::of(None, OwnedFd::from(end).into()));
        let writer = Writer::start("access log", target, 1, Arc::new(Deaf));
        (writer.expect("a thread"), reader)
    }

    fn append(round: &mut Round, to: &[Lane], lines: usize) {
        for _ in 0..lines {
            round.append(to, |_, out| out.extend_from_slice(LINE));
        }
    }

    #[test]
    fn lines_reach_each_writer_once_and_in_order() {
        let outlets = [writer(), writer()];
        let lanes: Vec<_> = outlets.iter().map(|(writer, _)| writer.lane(0)).collect();
        let mut round = Round::new(Clock::new(TimeZone::UTC), Rc::default());
        let many = 3 * MANY_BYTES / LINE.len() + 1;
        append(&mut round, &lanes, many);
        // All but those of the last piece have been given away by then.
        assert_eq!((round.count, round.lines.len()), (1, LINE.len()));
        round.give_away(&lanes);
        round.give_away(&lanes);
        append(&mut round, &lanes, 2);
        round.give_away(&lanes);
        drop(lanes);
        for (writer, mut reader) in outlets {
            writer.close(LAST_LINES);
            drop(writer);
            let mut written = Vec::new();
            reader.read_to_end(&mut written).expect("the end");
            assert_eq!(written, LINE.repeat(many + 2));
        }
    }

    #[test]
    fn the_first_line_of_a_round_has_it_ended() {
        let begun = Rc::<tokio::sync::Notify>::default();
        let mut round = Round::new(Clock::new(TimeZone::UTC), Rc::clone(&begun));
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.expect("a runtime");
        for _ in 0..2 {
            append(&mut round, &[], 3);
            runtime.block_on(begun.notified());
            round.give_away(&[]);
        }
    }
}
