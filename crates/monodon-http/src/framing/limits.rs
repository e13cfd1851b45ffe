//! The limits on a request, in the widths the hot path compares with.

use crate::options::Options;

/// How large the parts of a request may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of the request line, without CRLF.
    pub(crate) line: usize,
    /// Bytes of a header field, without CRLF.
    pub(crate) field: usize,
    pub(crate) fields: u32,
    /// Bytes of the whole head.
    pub(crate) head: usize,
    pub(crate) body: u64,
}

/// A head may be this large unless an option says otherwise; it is what a connection may cost in memory before the app
/// has seen anything, so the product of the other limits would be too much.
const HEAD_BYTES: usize = 64 * 1024;
/// The least that a field takes: the room that many small ones are given.
const SMALL_FIELD_BYTES: usize = 32;

impl Limits {
    pub(crate) fn new(options: &Options) -> Self {
        let line = options.limit_request_line as usize;
        let field = options.limit_request_field_size as usize;
        let many = options.limit_request_fields as usize * SMALL_FIELD_BYTES;
        let head = match options.limit_request_head {
            0 => HEAD_BYTES.max(line + field + many),
            // No more than a MiB is allowed.
            bytes => bytes as usize,
        };
        Self {
            line,
            field,
            fields: options.limit_request_fields,
            head,
            body: options.limit_request_body,
        }
    }
}
