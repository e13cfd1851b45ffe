//! Files in the place of what the app has answered: those that it hands over, and the page of a single-page
//! app.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use http::header::{ACCEPT, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode};

use super::body::FileBody;
use super::coding;
use super::part::FilePart;
use super::respond::{Asked, is_retrieval, respond, respond_handed, respond_opened};
use super::root::Mode;
use super::server::{Anchor, FileServer, Hit, Outcome, Search, failed, refusal};
use crate::io_thread::Place;
use crate::report::{Blame, code};

/// What has to be remembered of a request until the app has answered it.
pub(crate) struct Asking {
    /// If there are files that could be sent in place of the app's response.
    files: Option<Rc<FileServer>>,
    method: Method,
    /// All of them: there are few, and which matter is not known yet.
    fields: HeaderMap,
    path: Box<str>,
    /// Whether the client wants a page.
    is_navigation: bool,
}

impl Asking {
    /// `None` if the app's response will be sent as it is, whatever it is. `files` are those that hear of
    /// it; `is_conditional` says that there is something to be seen to if it is a file.
    pub(crate) fn new(
        files: Option<&Rc<FileServer>>,
        head: &Parts,
        is_conditional: bool,
    ) -> Option<Box<Self>> {
        let is_retrieval = is_retrieval(&head.method);
        let is_navigation = files.is_some_and(|files| files.fallback.is_some())
            && is_retrieval
            && accepts_html(&head.headers);
        let may_replace = files.is_some_and(|files| files.handed.is_some());
        if !(is_navigation || may_replace || is_conditional && is_retrieval) {
            return None;
        }
        Some(Box::new(Self {
            files: files.cloned(),
            method: head.method.clone(),
            fields: head.headers.clone(),
            path: head.uri.path().into(),
            is_navigation,
        }))
    }

    /// The file that is to be sent in place of the app's response, if one is. Its fields are taken
    /// then. The outcome `Passed` is the app's response as it was.
    pub(crate) fn replacement<B>(
        self: Box<Self>,
        response: &mut Response<B>,
        place: &Rc<Place>,
    ) -> Option<Pin<Box<dyn Future<Output = Outcome>>>> {
        let place = Rc::clone(place);
        let files = self.files.as_ref()?;
        if files.handed.is_some()
            && let Some(path) = response.headers_mut().remove(super::X_SENDFILE)
        {
            let status = response.status();
            let fields = std::mem::take(response.headers_mut());
            return Some(Box::pin(self.hand_over(path, status, fields, place)));
        }
        if self.is_navigation && response.status() == StatusCode::NOT_FOUND {
            return Some(Box::pin(self.fall_back(place)));
        }
        None
    }

    /// The response with a file that the app has opened, as far as the client asks for it.
    pub(crate) fn opened(
        asking: Option<&Self>,
        response: Response<FilePart>,
    ) -> Response<FileBody> {
        respond_opened(asking.map(Self::asked), response)
    }

    /// `X-Sendfile`.
    async fn hand_over(
        self: Box<Self>,
        path: HeaderValue,
        status: StatusCode,
        fields: HeaderMap,
        place: Rc<Place>,
    ) -> Outcome {
        let shown = String::from_utf8_lossy(path.as_bytes()).into_owned();
        let Some(files) = &self.files else {
            return Outcome::Passed;
        };
        let (Some(handed), Some(anchor)) = (&files.shared.handed, &files.handed) else {
            return Outcome::Passed;
        };
        let Some(name) = handed.name(&path) else {
            place.report(
                code::FILE_REFUSED,
                Blame::App,
                format!("{shown}: it is not below sendfile-root"),
            );
            return refusal(StatusCode::INTERNAL_SERVER_ERROR);
        };
        match self.look(files, anchor, name).await {
            Ok(Hit::File(found)) => {
                let asked = self.asked();
                Outcome::Response(respond_handed(asked, &found, status, tidy(fields)))
            }
            Ok(Hit::Folder | Hit::Nothing) => {
                let detail = format!("{shown}: there is no such file below sendfile-root");
                place.report(code::FILE_REFUSED, Blame::App, detail);
                refusal(StatusCode::NOT_FOUND)
            }
            Err(error) => failed(&error, &shown, &place),
        }
    }

    /// `--static-fallback`.
    async fn fall_back(self: Box<Self>, place: Rc<Place>) -> Outcome {
        let Some(files) = &self.files else {
            return Outcome::Passed;
        };
        let (Some(fallback), Some(anchor)) = (&files.shared.fallback, &files.fallback) else {
            return Outcome::Passed;
        };
        // A name that no path can have: it has no slash.
        let key = "fallback";
        let kept = files.cache.borrow_mut().get(key, Instant::now());
        let found = match kept {
            Some(found) => found,
            None => match self.look(files, anchor, fallback.name.clone()).await {
                Ok(Hit::File(found)) => {
                    let found = Rc::new(*found);
                    let mut cache = files.cache.borrow_mut();
                    cache.put(key, &found, Instant::now());
                    drop(cache);
                    found
                }
                Ok(_) => return Outcome::Passed,
                Err(error) => return failed(&error, &fallback.name, &place),
            },
        };
        Outcome::Response(respond(self.asked(), &found, HeaderMap::new()))
    }

    async fn look(&self, files: &FileServer, anchor: &Anchor, name: String) -> io::Result<Hit> {
        let search = Search {
            root: anchor.root(Instant::now()),
            name,
            path: self.path.to_string(),
            shared: Arc::clone(&files.shared),
        };
        match search.run(Mode::Now) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let found = tokio::task::spawn_blocking(move || search.run(Mode::Wait)).await;
                found.unwrap_or_else(|error| Err(io::Error::other(error)))
            }
            found => found,
        }
    }

    fn asked(&self) -> Asked<'_> {
        Asked {
            method: &self.method,
            fields: &self.fields,
        }
    }
}

/// What an app says of a body that is not sent.
fn tidy(mut fields: HeaderMap) -> HeaderMap {
    use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, TRANSFER_ENCODING};
    for name in [
        CONTENT_LENGTH,
        CONTENT_RANGE,
        CONTENT_ENCODING,
        TRANSFER_ENCODING,
    ] {
        fields.remove(name);
    }
    fields
}

/// Whether the client asks for a page by name, as browsers do when somebody goes there; `*/*` is what
/// programs send.
fn accepts_html(fields: &HeaderMap) -> bool {
    let values = fields.get_all(ACCEPT).iter();
    let mut kinds = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    kinds.any(|item| {
        let (kind, parameters) = item.split_once(';').unwrap_or((item, ""));
        kind.trim().eq_ignore_ascii_case("text/html") && coding::quality(parameters) > 0
    })
}
