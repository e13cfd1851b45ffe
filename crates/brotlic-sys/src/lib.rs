//! What brotlic uses of `brotlic-sys`, from a newer brotli: that computes its tables, a quarter of a
//! megabyte, when it is loaded (`.cargo/config.toml`). The crate of this name has brotli 1.0.9, with the
//! tables in the binary.

#![forbid(unsafe_code)]
// The names are those of brotli's headers.
#![allow(nonstandard_style, missing_docs)]

use std::ffi::c_int;

pub use compu_brotli_sys::*;

// Of brotli/types.h and brotli/encode.h, with the types that brotlic has them in.
pub type BROTLI_BOOL = c_int;
pub const BROTLI_TRUE: BROTLI_BOOL = 1;
pub const BROTLI_FALSE: BROTLI_BOOL = 0;
pub const BROTLI_MIN_QUALITY: u8 = 0;
pub const BROTLI_DEFAULT_QUALITY: u8 = 11;
pub const BROTLI_MAX_QUALITY: u8 = 11;
pub const BROTLI_MIN_WINDOW_BITS: u8 = 10;
pub const BROTLI_DEFAULT_WINDOW: u8 = 22;
pub const BROTLI_MAX_WINDOW_BITS: u8 = 24;
pub const BROTLI_LARGE_MAX_WINDOW_BITS: u8 = 30;
pub const BROTLI_MIN_INPUT_BLOCK_BITS: u8 = 16;
pub const BROTLI_MAX_INPUT_BLOCK_BITS: u8 = 24;
