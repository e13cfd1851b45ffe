//! The response for a file that was found: its head, and which of its bytes.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::Range;

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap,
    HeaderValue, LAST_MODIFIED, RANGE, VARY,
};
use http::{Method, Response, StatusCode};

use super::body::FileBody;
use super::coding;
use super::conditions::{self, Validators, Verdict};
use super::found::{Found, Source, Variant};
use super::range::{self, Wanted};

/// What a client asks of a file.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    pub(crate) fields: &'a HeaderMap,
}

/// The response with the file, or with why it is not sent. `head` is empty.
pub(crate) fn respond(asked: Asked<'_>, found: &Found, mut head: HeaderMap) -> Response<FileBody> {
    let mut variant = &found.plain;
    if found.has_siblings() {
        // Whichever is sent: another client would get another one.
        head.insert(VARY, HeaderValue::from_static("accept-encoding"));
        let coding = coding::choose(asked.fields, |coding| found.variant(Some(coding)).is_some());
        if let Some((coding, sibling)) = coding.zip(found.variant(coding)) {
            variant = sibling;
            head.insert(CONTENT_ENCODING, coding.value());
        }
    }
    head.insert(CONTENT_TYPE, found.kind.clone());
    head.insert(CACHE_CONTROL, found.cache_control.clone());
    head.insert(ETAG, variant.etag.clone());
    head.insert(LAST_MODIFIED, variant.last_modified.clone());
    select(asked, variant, variant.validators(), head)
}

/// The response with a file that the app has handed over, in the head that it has made. What it says
/// of the file goes before what the file system says.
pub(crate) fn respond_handed(
    asked: Asked<'_>,
    found: &Found,
    status: StatusCode,
    mut head: HeaderMap,
) -> Response<FileBody> {
    let variant = &found.plain;
    head.entry(CONTENT_TYPE)
        .or_insert_with(|| found.kind.clone());
    head.entry(ETAG).or_insert_with(|| variant.etag.clone());
    head.entry(LAST_MODIFIED)
        .or_insert_with(|| variant.last_modified.clone());
    if status != StatusCode::OK || !is_retrieval(asked.method) {
        return whole(status, variant, head);
    }
    let own = variant.validators();
    let date = head.get(LAST_MODIFIED).and_then(|date| date.to_str().ok());
    let modified = date.and_then(|date| httpdate::parse_http_date(date).ok());
    let etag = head.get(ETAG).unwrap_or(own.etag).clone();
    let validators = Validators {
        etag: &etag,
        modified: modified.unwrap_or(own.modified),
    };
    select(asked, variant, validators, head)
}

/// Whether the method asks for what there is (RFC 9110 sections 9.3.1, 9.3.2).
pub(crate) fn is_retrieval(method: &Method) -> bool {
    *method == Method::GET || *method == Method::HEAD
}

/// Chooses by the conditions and by `Range` what is sent.
fn select(
    asked: Asked<'_>,
    variant: &Variant,
    validators: Validators<'_>,
    mut head: HeaderMap,
) -> Response<FileBody> {
    match conditions::judge(asked.fields, validators) {
        Verdict::Send => {}
        Verdict::NotModified => {
            // RFC 9110 section 15.4.5: what describes the content is left out.
            head.remove(CONTENT_TYPE);
            head.remove(CONTENT_ENCODING);
            return response(StatusCode::NOT_MODIFIED, head, FileBody::empty());
        }
        Verdict::Failed => return failure(StatusCode::PRECONDITION_FAILED, head),
    }
    head.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // Range is defined for GET alone (section 14.2); more than one is none.
    let mut ranges = asked.fields.get_all(RANGE).iter();
    let (Some(field), None, &Method::GET) = (ranges.next(), ranges.next(), asked.method) else {
        return whole(StatusCode::OK, variant, head);
    };
    if !conditions::allows_parts(asked.fields, validators) {
        return whole(StatusCode::OK, variant, head);
    }
    let length = variant.stamp.length;
    match range::wanted(field, length) {
        Wanted::Whole => whole(StatusCode::OK, variant, head),
        Wanted::Nothing => {
            insert_text(&mut head, CONTENT_RANGE, format!("bytes */{length}"));
            failure(StatusCode::RANGE_NOT_SATISFIABLE, head)
        }
        Wanted::Parts(parts) => match &*parts {
            [part] => {
                insert_text(&mut head, CONTENT_RANGE, content_range(part, length));
                let body = FileBody::part(&variant.source(), variant.stamp, part.clone());
                response(StatusCode::PARTIAL_CONTENT, head, body)
            }
            parts => several(parts, variant, head),
        },
    }
}

fn whole(status: StatusCode, variant: &Variant, head: HeaderMap) -> Response<FileBody> {
    let body = match variant.source() {
        Source::Memory(bytes) => FileBody::whole(bytes),
        source => FileBody::part(&source, variant.stamp, 0..variant.stamp.length),
    };
    response(status, head, body)
}

/// The parts in a `multipart/byteranges` (RFC 9110 section 14.6).
fn several(parts: &[Range<u64>], variant: &Variant, mut head: HeaderMap) -> Response<FileBody> {
    let length = variant.stamp.length;
    let boundary = boundary();
    let kind = format!("multipart/byteranges; boundary={boundary}");
    let Some(part_kind) = head.insert(CONTENT_TYPE, text(kind)) else {
        return whole(StatusCode::OK, variant, head);
    };
    let source = variant.source();
    let mut body = FileBody::several(variant.stamp);
    for part in parts {
        let mut opening = format!("\r\n--{boundary}\r\ncontent-type: ").into_bytes();
        opening.extend_from_slice(part_kind.as_bytes());
        let range = content_range(part, length);
        opening.extend_from_slice(format!("\r\ncontent-range: {range}\r\n\r\n").as_bytes());
        body.add_text(opening.into());
        body.add_part(&source, part.clone());
    }
    body.add_text(Bytes::from(format!("\r\n--{boundary}--\r\n")));
    response(StatusCode::PARTIAL_CONTENT, head, body)
}

/// A line that no file has in it, and that nobody can know beforehand.
fn boundary() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

fn content_range(part: &Range<u64>, length: u64) -> String {
    format!("bytes {}-{}/{length}", part.start, part.end - 1)
}

/// An answer without the file: what describes it is left out.
fn failure(status: StatusCode, mut head: HeaderMap) -> Response<FileBody> {
    for name in [
        CONTENT_TYPE,
        CONTENT_ENCODING,
        CACHE_CONTROL,
        ETAG,
        LAST_MODIFIED,
    ] {
        head.remove(name);
    }
    response(status, head, FileBody::empty())
}

fn response(status: StatusCode, head: HeaderMap, body: FileBody) -> Response<FileBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = head;
    response
}

/// Text without control characters, as a value.
pub(crate) fn text(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

fn insert_text(head: &mut HeaderMap, name: http::HeaderName, value: String) {
    head.insert(name, text(value));
}
