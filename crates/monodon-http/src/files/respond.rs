//! The response for a file that was found: its head, and which of its bytes.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

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
use super::part::FilePart;
use super::range::{self, Wanted};
use super::root::Stamp;

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
    select(asked, &Content::of(variant), variant.validators(), head)
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
    let content = Content::of(variant);
    head.entry(CONTENT_TYPE)
        .or_insert_with(|| found.kind.clone());
    head.entry(ETAG).or_insert_with(|| variant.etag.clone());
    head.entry(LAST_MODIFIED)
        .or_insert_with(|| variant.last_modified.clone());
    if status != StatusCode::OK || !is_retrieval(asked.method) {
        return whole(status, &content, head);
    }
    let own = variant.validators();
    let etag = head.get(ETAG).cloned();
    let validators = Validators {
        etag: etag.as_ref().or(own.etag),
        modified: last_modified(&head).or(own.modified),
    };
    select(asked, &content, validators, head)
}

/// The response with a file that the app has opened, in the head that it has made: with the parts that the
/// client asks for, if it does and the app has not looked at that. What the app says of the file's age is
/// believed; nothing is added to that, since the app may have chosen the file by the request.
pub(crate) fn respond_opened(
    asked: Option<Asked<'_>>,
    response: Response<FilePart>,
) -> Response<FileBody> {
    let content = Content::opened(response.body());
    let is_settled = response.status() != StatusCode::OK
        || [ACCEPT_RANGES, CONTENT_RANGE]
            .iter()
            .any(|name| response.headers().contains_key(name));
    match asked {
        Some(asked) if !is_settled => {
            let (parts, _) = response.into_parts();
            let etag = parts.headers.get(ETAG).cloned();
            let validators = Validators {
                etag: etag.as_ref(),
                modified: last_modified(&parts.headers),
            };
            select(asked, &content, validators, parts.headers)
        }
        _ => response.map(|_| content.whole()),
    }
}

fn last_modified(head: &HeaderMap) -> Option<SystemTime> {
    let date = head.get(LAST_MODIFIED)?.to_str().ok()?;
    httpdate::parse_http_date(date).ok()
}

/// Bytes of a file, to be sent whole or in parts.
struct Content {
    source: Source,
    /// The file as it has to stay, if it has to.
    stamp: Option<Stamp>,
    /// Where they begin in it.
    start: u64,
    length: u64,
}

impl Content {
    fn of(variant: &Variant) -> Self {
        Self {
            source: variant.source(),
            stamp: Some(variant.stamp),
            start: 0,
            length: variant.stamp.length,
        }
    }

    /// What the app has opened, and may go on writing to.
    fn opened(part: &FilePart) -> Self {
        Self {
            source: Source::File(Arc::clone(part.file())),
            stamp: None,
            start: part.offset(),
            length: part.left(),
        }
    }

    fn whole(&self) -> FileBody {
        match &self.source {
            Source::Memory(bytes) => FileBody::whole(bytes.clone()),
            _ => self.part(&(0..self.length)),
        }
    }

    fn part(&self, part: &Range<u64>) -> FileBody {
        FileBody::part(&self.source, self.stamp, self.in_file(part))
    }

    fn in_file(&self, part: &Range<u64>) -> Range<u64> {
        self.start + part.start..self.start + part.end
    }
}

/// Whether the method asks for what there is (RFC 9110 sections 9.3.1, 9.3.2).
pub(crate) fn is_retrieval(method: &Method) -> bool {
    *method == Method::GET || *method == Method::HEAD
}

/// Chooses by the conditions and by `Range` what is sent. A 304 has the fields of the 200 here: by these
/// compression knows whether it varies, before `leave_out_content` takes them from it.
fn select(
    asked: Asked<'_>,
    content: &Content,
    validators: Validators<'_>,
    mut head: HeaderMap,
) -> Response<FileBody> {
    match conditions::judge(asked.fields, validators) {
        Verdict::Send => {}
        Verdict::NotModified => return response(StatusCode::NOT_MODIFIED, head, FileBody::empty()),
        Verdict::Failed => return failure(StatusCode::PRECONDITION_FAILED, head),
    }
    head.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // Range is defined for GET alone (section 14.2); more than one is none.
    let mut ranges = asked.fields.get_all(RANGE).iter();
    let (Some(field), None, &Method::GET) = (ranges.next(), ranges.next(), asked.method) else {
        return whole(StatusCode::OK, content, head);
    };
    if !conditions::allows_parts(asked.fields, validators) {
        return whole(StatusCode::OK, content, head);
    }
    let length = content.length;
    match range::wanted(field, length) {
        Wanted::Whole => whole(StatusCode::OK, content, head),
        Wanted::Nothing => {
            insert_text(&mut head, CONTENT_RANGE, format!("bytes */{length}"));
            failure(StatusCode::RANGE_NOT_SATISFIABLE, head)
        }
        Wanted::Parts(parts) => match &*parts {
            [part] => {
                insert_text(&mut head, CONTENT_RANGE, content_range(part, length));
                response(StatusCode::PARTIAL_CONTENT, head, content.part(part))
            }
            parts => several(parts, content, head),
        },
    }
}

fn whole(status: StatusCode, content: &Content, head: HeaderMap) -> Response<FileBody> {
    response(status, head, content.whole())
}

/// The parts in a `multipart/byteranges` (RFC 9110 section 14.6).
fn several(parts: &[Range<u64>], content: &Content, mut head: HeaderMap) -> Response<FileBody> {
    let length = content.length;
    let boundary = boundary();
    let kind = format!("multipart/byteranges; boundary={boundary}");
    let part_kind = head.insert(CONTENT_TYPE, text(kind));
    let mut body = FileBody::several(content.stamp);
    for part in parts {
        let mut opening = format!("\r\n--{boundary}\r\n").into_bytes();
        if let Some(kind) = &part_kind {
            opening.extend_from_slice(b"content-type: ");
            opening.extend_from_slice(kind.as_bytes());
            opening.extend_from_slice(b"\r\n");
        }
        let range = content_range(part, length);
        opening.extend_from_slice(format!("content-range: {range}\r\n\r\n").as_bytes());
        body.add_text(opening.into());
        body.add_part(&content.source, content.in_file(part));
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

/// Takes from a 304 what describes the content (RFC 9110 section 15.4.5).
pub(crate) fn leave_out_content(head: &mut HeaderMap) {
    head.remove(CONTENT_TYPE);
    head.remove(CONTENT_ENCODING);
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
