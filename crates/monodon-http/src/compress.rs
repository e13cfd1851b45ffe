//! Compression of responses (`--compress`): RFC 9110 section 8.4.1 with `zstd`, `br` and `gzip`.
//!
//! `settings` are the options. `negotiate` reads what the client takes, `types` knows what is worth it, `decide` looks at a
//! response's head and changes it. `encoder` stands between the handler's body and the connection:
//! it reads what is at hand, has a `codec` compress it, here or on the threads of `pool`, and flushes
//! whenever the handler has nothing more to say for now. `codecs` keeps those that are idle.

mod codec;
mod codecs;
mod coding;
mod decide;
mod encoder;
mod negotiate;
mod pool;
mod settings;
mod types;

pub(crate) use codecs::Codecs;
pub(crate) use decide::{Asked, Plan, apply};
pub(crate) use encoder::{Begun, Encoder, Fault, Polled, begin};
pub(crate) use settings::Compression;
