//! The encoders of three libraries, with one face.

use brotlic::encode::{BrotliEncoder, BrotliEncoderOptions, BrotliOperation};
use brotlic::{Quality, WindowSize};
use flate2::{Compress, Compression as Level, FlushCompress, Status};
use zstd_safe::zstd_sys::ZSTD_EndDirective;
use zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer, ResetDirective};

use super::coding::Coding;

/// How far back an encoder looks, as a power of two: what it holds is a multiple of this. Clients
/// need not know more than 8 MiB of zstd (RFC 9659).
const WINDOW_BITS: u8 = 18;
/// The largest there is for gzip.
const GZIP_WINDOW_BITS: u8 = 15;

/// Bytes of output that brotli has room for in one call.
const BR_ROOM: usize = 16 * 1024;

/// What to do with the bytes that are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Compress them as it suits: more is to come.
    Go,
    /// Give out all there is, so that the client can read it.
    Flush,
    /// They are the last ones.
    Finish,
}

/// The library has refused to go on, which it does for want of memory only.
#[derive(Debug)]
pub(super) struct Broken;

/// An encoder of one stream.
pub(super) enum Codec {
    Zstd(CCtx<'static>),
    Br(BrotliEncoder),
    Gzip(Box<Compress>),
}

impl Codec {
    /// `size` is the length of the body, which has to be true if it is given.
    pub(super) fn new(coding: Coding, level: i32, size: Option<u64>) -> Result<Self, Broken> {
        Ok(match coding {
            Coding::Zstd => {
                let mut context = CCtx::try_create().ok_or(Broken)?;
                for parameter in [
                    CParameter::CompressionLevel(level),
                    CParameter::WindowLog(WINDOW_BITS.into()),
                ] {
                    context.set_parameter(parameter).map_err(|_| Broken)?;
                }
                context.set_pledged_src_size(size).map_err(|_| Broken)?;
                Self::Zstd(context)
            }
            Coding::Br => {
                let quality = u8::try_from(level)
                    .ok()
                    .and_then(|it| Quality::new(it).ok());
                let window = WindowSize::new(WINDOW_BITS).map_err(|_| Broken)?;
                let hint = size.map_or(0, |size| u32::try_from(size).unwrap_or(u32::MAX));
                let mut options = BrotliEncoderOptions::new();
                options.quality(quality.ok_or(Broken)?).window_size(window);
                Self::Br(options.size_hint(hint).build().map_err(|_| Broken)?)
            }
            Coding::Gzip => Self::Gzip(Box::new(Compress::new_gzip(
                Level::new(level.unsigned_abs()),
                GZIP_WINDOW_BITS,
            ))),
        })
    }

    /// Makes an encoder that has finished its body fit for another one. `None` if it cannot be used twice.
    /// After an unfinished body it must not: zlib-rs keeps the open block at level 1.
    pub(super) fn renew(mut self, size: Option<u64>) -> Option<Self> {
        match &mut self {
            Self::Zstd(context) => {
                context.reset(ResetDirective::SessionOnly).ok()?;
                context.set_pledged_src_size(size).ok()?;
            }
            Self::Br(_) => return None,
            Self::Gzip(state) => state.reset(),
        }
        Some(self)
    }

    /// Compresses `input` to the end of `out`.
    pub(super) fn encode(
        &mut self,
        input: &[u8],
        step: Step,
        out: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        match self {
            Self::Zstd(context) => zstd(context, input, step, out),
            Self::Br(state) => br(state, input, step, out),
            Self::Gzip(state) => gzip(state, input, step, out),
        }
    }
}

/// Makes room where there is none.
fn make_room(out: &mut Vec<u8>) {
    if out.len() == out.capacity() {
        out.reserve(out.len().max(1024));
    }
}

fn zstd(
    context: &mut CCtx<'static>,
    input: &[u8],
    step: Step,
    out: &mut Vec<u8>,
) -> Result<(), Broken> {
    let directive = match step {
        Step::Go => ZSTD_EndDirective::ZSTD_e_continue,
        Step::Flush => ZSTD_EndDirective::ZSTD_e_flush,
        Step::Finish => ZSTD_EndDirective::ZSTD_e_end,
    };
    let mut source = InBuffer::around(input);
    loop {
        make_room(out);
        let written = out.len();
        let mut target = OutBuffer::around_pos(out, written);
        let held_back = context
            .compress_stream2(&mut target, &mut source, directive)
            .map_err(|_| Broken)?;
        if source.pos() == input.len() && (step == Step::Go || held_back == 0) {
            return Ok(());
        }
    }
}

fn br(
    state: &mut BrotliEncoder,
    input: &[u8],
    step: Step,
    out: &mut Vec<u8>,
) -> Result<(), Broken> {
    let operation = match step {
        Step::Go => BrotliOperation::Process,
        Step::Flush => BrotliOperation::Flush,
        Step::Finish => BrotliOperation::Finish,
    };
    let mut read = 0;
    loop {
        make_room(out);
        let written = out.len();
        // It takes no room that was never written to; so it gets little at a time.
        out.resize(out.capacity().min(written + BR_ROOM), 0);
        let result = state.compress(&input[read..], &mut out[written..], operation);
        out.truncate(written + result.as_ref().map_or(0, |done| done.bytes_written));
        read += result.map_err(|_| Broken)?.bytes_read;
        if read == input.len() && !state.has_output() {
            return Ok(());
        }
    }
}

fn gzip(state: &mut Compress, input: &[u8], step: Step, out: &mut Vec<u8>) -> Result<(), Broken> {
    let flush = match step {
        Step::Go => FlushCompress::None,
        Step::Flush => FlushCompress::Sync,
        Step::Finish => FlushCompress::Finish,
    };
    let start = state.total_in();
    let mut read = 0;
    loop {
        make_room(out);
        let status = state
            .compress_vec(&input[read..], out, flush)
            .map_err(|_| Broken)?;
        read = usize::try_from(state.total_in() - start).map_err(|_| Broken)?;
        let is_done = match step {
            Step::Finish => status == Status::StreamEnd,
            // With room left there is nothing more to give out.
            Step::Go | Step::Flush => read == input.len() && out.len() < out.capacity(),
        };
        if is_done {
            return Ok(());
        }
    }
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
