//! The request target as the client wrote it.

use http::Version;
use http::request::Parts;

/// The request target as it was sent: origin-form, absolute-form or asterisk-form (RFC 9112
/// section 3.2). For HTTP/2 it is `:path`.
pub(crate) fn put_target(parts: &Parts, bytes: &mut Vec<u8>) {
    let uri = &parts.uri;
    if parts.version != Version::HTTP_2
        && let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority())
    {
        bytes.extend_from_slice(scheme.as_bytes());
        bytes.extend_from_slice(b"://");
        bytes.extend_from_slice(authority.as_str().as_bytes());
    }
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    bytes.extend_from_slice(target.as_bytes());
}
