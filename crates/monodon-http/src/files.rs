//! Files that the server sends by itself: those of `--static`, and those that the app hands over.
//!
//! A request's path is made safe by `path`, finds its folder by `mounts`, and its file below that by
//! `root` (`beneath`: openat2(2), or step by step). `found` is the file with its precompressed
//! siblings (`coding`) and what `rules` say of its name; small ones stay in the `cache` for a second.
//! `respond` makes the response: `conditions`, `range`, and the `body`, which reads `part`s or has the
//! kernel send them (`wire/file.rs`). `server` puts these together, on each I/O thread,
//! and `asking` does for files in the place of the app's response.
//!
//! Nothing here waits for a disk on an I/O thread: what the kernel does not have in memory is looked
//! for and read on the runtime's threads for that.
//!
//! tower-http's `ServeDir` was looked at and does not fit: it goes by the path that the parser gives,
//! follows symlinks out of its folder, serves dotfiles, knows no multiple ranges and no tags, and reads
//! each file anew on another thread.

mod asking;
#[cfg(unix)]
mod beneath;
mod body;
mod cache;
#[cfg(not(unix))]
mod canonical;
mod coding;
mod conditions;
mod found;
mod handed;
mod mode;
mod mounts;
pub(crate) mod part;
mod path;
mod range;
mod respond;
mod root;
mod rules;
#[cfg(test)]
mod scratch;
mod server;
mod types;

pub(crate) use self::asking::Asking;
pub(crate) use self::body::{Broken, FileBody, Piece};
pub(crate) use self::handed::X_SENDFILE;
pub(crate) use self::mounts::Mounts;
pub use self::part::{BlockRead, FilePart};
pub(crate) use self::respond::leave_out_content;
pub(crate) use self::server::{Answer, FileServer, Outcome};
