use std::io::{PipeReader, PipeWriter, Read};
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::{Arc, Duration, Instant, Lane, Mutex, Report, Reporter, Target, WAITING_BYTES, Writer};
use crate::access::target::LogFile;
use crate::phase::Phase;

const LINE: &[u8; 64] = b"0123456789012345678901234567890123456789012345678901234567890..\n";

/// Passes reports on.
struct Heard(Mutex<Sender<Report>>);

impl Reporter for Heard {
    fn report(&self, report: Report) {
        let _ = self.0.lock().expect("no panic").send(report);
    }

    fn phase(&self, _: Phase) {}
}

fn start(target: Target, lanes: usize) -> (Writer, Receiver<Report>) {
    let (sender, reports) = channel();
    let reporter = Arc::new(Heard(Mutex::new(sender)));
    let writer = Writer::start("access log", target, lanes, reporter).expect("a thread");
    (writer, reports)
}

fn pipe() -> (PipeReader, Target) {
    let (reader, end) = std::io::pipe().expect("a pipe");
    (reader, target(end))
}

fn target(end: PipeWriter) -> Target {
    Target::File(LogFile::of(None, OwnedFd::from(end).into()))
}

fn append(lane: &Lane, lines: usize) {
    for _ in 0..lines {
        lane.append(LINE.len(), |out| out.extend_from_slice(LINE));
    }
}

fn next(reports: &Receiver<Report>) -> (&'static str, String) {
    let report = reports.recv_timeout(Duration::from_secs(60));
    let report = report.expect("a report");
    (report.code, report.detail)
}

fn lost(detail: &str) -> usize {
    let count = detail.split(' ').next().expect("a count");
    count.parse().expect(detail)
}

#[test]
fn writes_lines_soon_and_whole() {
    let (mut reader, target) = pipe();
    let (writer, reports) = start(target, 2);
    for index in [1, 0] {
        append(&writer.lane(index), 3);
        let mut lines = [0; 3 * LINE.len()];
        reader.read_exact(&mut lines).expect("they are written");
        assert_eq!(lines[..], LINE.repeat(3));
    }
    append(&writer.lane(0), 1);
    writer.close(Duration::from_secs(10));
    drop(writer);
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).expect("the end");
    assert_eq!(rest, LINE, "the last line is written at the end");
    assert_eq!(reports.try_iter().count(), 0);
}

#[test]
fn holds_a_bounded_number_of_lines_and_counts_the_others() {
    const LINES: usize = 2 * WAITING_BYTES / LINE.len();
    let (mut reader, target) = pipe();
    let (writer, reports) = start(target, 2);
    let lanes = [writer.lane(0), writer.lane(1)];
    for lane in &lanes {
        append(lane, LINES / 2);
    }
    let held: usize = writer
        .shared
        .lanes
        .iter()
        .map(|lane| lane.lock().expect("no panic").len())
        .sum();
    assert!(held <= WAITING_BYTES, "{held}");
    let reading = std::thread::spawn(move || {
        let mut all = Vec::new();
        reader.read_to_end(&mut all).map(|_| all)
    });
    let (code, detail) = next(&reports);
    assert_eq!(code, "MONODON_LOG_LINES_LOST");
    append(&lanes[0], 1);
    writer.close(Duration::from_secs(10));
    drop((writer, lanes));
    let all = reading.join().expect("no panic").expect("the end");
    assert!(all.chunks(LINE.len()).all(|line| line == LINE));
    assert_eq!(all.len() / LINE.len() + lost(&detail), LINES + 1);
    assert!(lost(&detail) > 0 && reports.try_iter().count() == 0);
}

#[test]
fn a_pipe_that_nobody_reads_does_not_hold_up_the_end() {
    let (reader, target) = pipe();
    let (writer, _reports) = start(target, 1);
    append(&writer.lane(0), 64 * 1024 / LINE.len() + 1);
    let start = Instant::now();
    writer.close(Duration::from_millis(200));
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(200) && took < Duration::from_secs(5));
    drop(reader);
}

#[test]
fn a_full_pipe_that_does_not_block_is_waited_for() {
    let (mut reader, end) = std::io::pipe().expect("a pipe");
    let flags = socket2::SockRef::from(&end).set_nonblocking(true);
    flags.expect("it is set");
    let (writer, reports) = start(target(end), 1);
    let lines = 1024 * 1024 / LINE.len();
    append(&writer.lane(0), lines);
    let mut all = vec![0; lines * LINE.len()];
    reader.read_exact(&mut all).expect("all comes");
    assert!(all.chunks(LINE.len()).all(|line| line == LINE));
    writer.close(Duration::from_secs(10));
    assert_eq!(reports.try_iter().count(), 0);
}

#[test]
fn a_line_that_was_cut_spoils_no_other() {
    let (mut reader, mut target) = pipe();
    target.write(b"half a li").expect("it is written");
    let (writer, _reports) = start(target, 1);
    append(&writer.lane(0), 2);
    writer.close(Duration::from_secs(10));
    drop(writer);
    let mut all = Vec::new();
    reader.read_to_end(&mut all).expect("the end");
    assert_eq!(all, [b"half a li\n", LINE.repeat(2).as_slice()].concat());
}

#[test]
fn tells_once_that_it_cannot_write() {
    let (reader, target) = pipe();
    drop(reader);
    let (writer, reports) = start(target, 1);
    let lane = writer.lane(0);
    append(&lane, 2);
    let (code, detail) = next(&reports);
    assert_eq!(code, "MONODON_FILE_NOT_WRITABLE");
    let start = "cannot write the access log standard output: ";
    assert!(detail.starts_with(start), "{detail}");
    append(&lane, 3);
    writer.close(Duration::from_secs(10));
    let (code, detail) = next(&reports);
    assert_eq!((code, lost(&detail)), ("MONODON_LOG_LINES_LOST", 5));
    assert_eq!(reports.try_iter().count(), 0);
}
