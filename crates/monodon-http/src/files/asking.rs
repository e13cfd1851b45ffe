//! Files in the place of what the app has answered: those that it hands over, and the page of a single-page
//! app.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use http::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode};

use super::body::FileBody;
use super::coding;
use super::mode::Mode;
use super::part::FilePart;
use super::respond::{Asked, is_retrieval, respond, respond_handed, respond_opened};
use super::server::{Anchor, FileServer, Hit, Outcome, Search, failed, refusal};
use crate::io_thread::place::Place;
use crate::report::{Blame, code};
use crate::request::fields::is_conditional;

/// What has to be remembered of a request until the app has answered it.
pub(crate) struct Asking {
    question: Question,
    /// If there are files that could be sent in place of the app's response.
    hearing: Option<Hearing>,
}

/// What the response with a file depends on.
struct Question {
    method: Method,
    /// They become a map only for a file: most requests that are remembered, as each revalidation by a
    /// browser, are answered with none.
    fields: Vec<(HeaderName, HeaderValue)>,
}

/// Files that could be sent, and for what.
struct Hearing {
    files: Rc<FileServer>,
    path: Box<str>,
    /// Whether the client wants a page.
    is_navigation: bool,
}

impl Asking {
    /// `None` if the app's response will be sent as it is, whatever it is. `files` are those that hear of
    /// it; `has_conditions` says that there is something to be seen to if it is a file.
    pub(crate) fn new(
        files: Option<&Rc<FileServer>>,
        head: &Parts,
        has_conditions: bool,
    ) -> Option<Box<Self>> {
        let is_retrieval = is_retrieval(&head.method);
        let hearing = files.and_then(|files| Hearing::new(files, head, is_retrieval));
        if hearing.is_none() && !(has_conditions && is_retrieval) {
            return None;
        }
        // Only for the fallback there may be siblings.
        let chooses = hearing
            .as_ref()
            .is_some_and(|hearing| hearing.is_navigation);
        let question = Question::new(head, chooses);
        Some(Box::new(Self { question, hearing }))
    }

    /// The file that is to be sent in place of the app's response, if one is. Its fields are taken
    /// then. The outcome `Passed` is the app's response as it was.
    pub(crate) fn replacement<B>(
        self,
        response: &mut Response<B>,
        place: &Rc<Place>,
    ) -> Option<Pin<Box<dyn Future<Output = Outcome>>>> {
        let Self { question, hearing } = self;
        let hearing = hearing?;
        if hearing.files.handed.is_some()
            && let Some(path) = response.headers_mut().remove(super::X_SENDFILE)
        {
            let status = response.status();
            let fields = std::mem::take(response.headers_mut());
            let place = Rc::clone(place);
            return Some(Box::pin(
                hearing.hand_over(question, path, status, fields, place),
            ));
        }
        if hearing.is_navigation && response.status() == StatusCode::NOT_FOUND {
            return Some(Box::pin(hearing.fall_back(question, Rc::clone(place))));
        }
        None
    }

    /// The response with a file that the app has opened, as far as the client asks for it.
    pub(crate) fn opened(
        asking: Option<&Self>,
        response: Response<FilePart>,
    ) -> Response<FileBody> {
        match asking {
            Some(Self { question, .. }) => {
                let fields = question.fields();
                respond_opened(Some(question.asked(&fields)), response)
            }
            None => respond_opened(None, response),
        }
    }
}

impl Question {
    /// `chooses` says that the client's codings count, too.
    fn new(head: &Parts, chooses: bool) -> Self {
        let matters =
            |name: &HeaderName| is_conditional(name) || chooses && *name == ACCEPT_ENCODING;
        let fields = head.headers.iter().filter(|(name, _)| matters(name));
        Self {
            method: head.method.clone(),
            fields: fields
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        }
    }

    fn fields(&self) -> HeaderMap {
        let mut map = HeaderMap::with_capacity(self.fields.len());
        for (name, value) in &self.fields {
            map.append(name, value.clone());
        }
        map
    }

    fn asked<'a>(&'a self, fields: &'a HeaderMap) -> Asked<'a> {
        Asked {
            method: &self.method,
            fields,
        }
    }
}

impl Hearing {
    /// `None` if the app's response to such a request stays.
    fn new(files: &Rc<FileServer>, head: &Parts, is_retrieval: bool) -> Option<Self> {
        let is_navigation = files.fallback.is_some() && is_retrieval && accepts_html(&head.headers);
        (is_navigation || files.handed.is_some()).then(|| Self {
            files: Rc::clone(files),
            path: head.uri.path().into(),
            is_navigation,
        })
    }

    /// `X-Sendfile`.
    async fn hand_over(
        self,
        question: Question,
        path: HeaderValue,
        status: StatusCode,
        fields: HeaderMap,
        place: Rc<Place>,
    ) -> Outcome {
        let shown = String::from_utf8_lossy(path.as_bytes()).into_owned();
        let files = &self.files;
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
        match self.look(anchor, name).await {
            Ok(Hit::File(found)) => {
                let asked = question.fields();
                let asked = question.asked(&asked);
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
    async fn fall_back(self, question: Question, place: Rc<Place>) -> Outcome {
        let files = &self.files;
        let (Some(fallback), Some(anchor)) = (&files.shared.fallback, &files.fallback) else {
            return Outcome::Passed;
        };
        // A name that no path can have: it has no slash.
        let key = "fallback";
        let kept = files.cache.borrow_mut().get(key, Instant::now());
        let found = match kept {
            Some(found) => found,
            None => match self.look(anchor, fallback.name.clone()).await {
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
        let fields = question.fields();
        Outcome::Response(respond(question.asked(&fields), &found, HeaderMap::new()))
    }

    async fn look(&self, anchor: &Anchor, name: String) -> io::Result<Hit> {
        let search = Search {
            root: anchor.root(Instant::now()),
            name,
            path: self.path.to_string(),
            shared: Arc::clone(&self.files.shared),
        };
        match search.run(Mode::Now) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let found = tokio::task::spawn_blocking(move || search.run(Mode::Wait)).await;
                found.unwrap_or_else(|error| Err(io::Error::other(error)))
            }
            found => found,
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
