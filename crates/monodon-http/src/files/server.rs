//! One I/O thread's server of files.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use http::header::{ACCEPT, ALLOW, CACHE_CONTROL, HeaderMap, HeaderValue, LOCATION};
use http::request::Parts;
use http::{Method, Response, StatusCode, Uri};

use super::body::FileBody;
use super::cache::{Cache, FRESH};
use super::coding;
use super::found::{Found, Looked};
use super::mounts::Mounts;
use super::path;
use super::respond::{Asked, is_retrieval, respond, respond_handed, text};
use super::root::{Mode, Root};
use super::rules::CacheRules;
use crate::handoff::Refusal;
use crate::io_thread::Place;
use crate::report::{Blame, code};

/// The file that stands for a folder.
const INDEX: &str = "index.html";
/// What a file may be asked for.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// What becomes of a request.
pub(crate) enum Answer {
    Now(Outcome),
    /// The disk has to be waited for.
    Later(Pin<Box<dyn Future<Output = Outcome>>>),
}

pub(crate) enum Outcome {
    /// There is no file for it: it is the app's.
    Passed,
    Response(Response<FileBody>),
    Refused(Refusal),
}

pub(crate) struct FileServer {
    shared: Arc<Mounts>,
    /// By the index of their mounts.
    folders: Vec<Anchor>,
    fallback: Option<Anchor>,
    handed: Option<Anchor>,
    cache: RefCell<Cache>,
    /// An empty map for the fields of the next response: that of a request that was answered.
    spare: Cell<HeaderMap>,
}

/// A folder, looked at from time to time whether its path names another one: one that was built anew,
/// or that `current` points to after a deployment.
struct Anchor {
    root: RefCell<Arc<Root>>,
    checked: Cell<Instant>,
}

impl Anchor {
    fn new(root: &Arc<Root>) -> Self {
        Self {
            root: RefCell::new(Arc::clone(root)),
            checked: Cell::new(Instant::now()),
        }
    }

    fn root(&self, now: Instant) -> Arc<Root> {
        let mut root = self.root.borrow_mut();
        if now.duration_since(self.checked.get()) >= FRESH {
            self.checked.set(now);
            if let Some(renewed) = root.renewed() {
                *root = Arc::new(renewed);
            }
        }
        Arc::clone(&root)
    }
}

/// What is looked for.
struct Search {
    root: Arc<Root>,
    name: String,
    /// The path as the client has sent it.
    path: String,
    shared: Arc<Mounts>,
}

/// What was found.
enum Hit {
    File(Box<Found>),
    /// A folder that has an index, asked for without the slash.
    Folder,
    Nothing,
}

impl Search {
    fn run(&self, mode: Mode) -> io::Result<Hit> {
        look(&self.root, &self.name, &self.path, &self.shared.rules, mode)
    }
}

fn look(root: &Root, name: &str, path: &str, rules: &CacheRules, mode: Mode) -> io::Result<Hit> {
    Ok(match Found::look(root, name, path, rules, mode)? {
        Looked::File(found) => Hit::File(found),
        Looked::Nothing => Hit::Nothing,
        Looked::Folder => {
            let index = format!("{name}/{INDEX}");
            match Found::look(root, index.trim_start_matches('/'), path, rules, mode)? {
                Looked::File(_) => Hit::Folder,
                _ => Hit::Nothing,
            }
        }
    })
}

impl FileServer {
    pub(crate) fn new(shared: Arc<Mounts>) -> Self {
        Self {
            folders: shared
                .list
                .iter()
                .map(|mount| Anchor::new(&mount.root))
                .collect(),
            fallback: shared
                .fallback
                .as_ref()
                .map(|fallback| Anchor::new(&fallback.root)),
            handed: shared
                .handed
                .as_ref()
                .map(|handed| Anchor::new(&handed.root)),
            cache: RefCell::new(Cache::new()),
            spare: Cell::default(),
            shared,
        }
    }

    /// Closes the files that were not looked for lately. To be called from time to time.
    pub(crate) fn close_stale(&self, now: Instant) {
        self.cache.borrow_mut().close_stale(now);
    }

    /// Whether the app's responses may have to be replaced by files.
    pub(crate) fn hears_app(&self) -> bool {
        self.handed.is_some() || self.fallback.is_some()
    }

    /// Answers a request that names a file of a mount, and came over https if `is_https`. Its fields are
    /// left to the handler only if it is passed on.
    pub(crate) fn answer(
        self: &Rc<Self>,
        head: &mut Parts,
        is_https: bool,
        place: &Rc<Place>,
    ) -> Answer {
        if self.shared.is_https_only && !is_https {
            // The handler sends it there.
            return Answer::Now(Outcome::Passed);
        }
        let sent = head.uri.path();
        let is_escaped = memchr::memchr(b'%', sent.as_bytes()).is_some();
        if !is_escaped && self.shared.find(sent).is_none() {
            return Answer::Now(Outcome::Passed);
        }
        let now = Instant::now();
        if let Some(found) = self.cache.borrow_mut().get(sent, now) {
            let mut fields = std::mem::take(&mut head.headers);
            let outcome = respond_to(&head.method, &fields, &found, self.spare.take());
            fields.clear();
            self.spare.set(fields);
            return Answer::Now(outcome);
        }
        let Some(clean) = path::clean(sent) else {
            return Answer::Now(Outcome::Passed);
        };
        let Some((index, below)) = self.shared.find(&clean) else {
            return Answer::Now(Outcome::Passed);
        };
        if self.shared.is_health(&clean) {
            return Answer::Now(Outcome::Passed);
        }
        let index_name;
        let mut name = below.trim_start_matches('/');
        if below.ends_with('/') {
            index_name = format!("{name}{INDEX}");
            name = &index_name;
        }
        let root = self.folders[index].root(now);
        match look(&root, name, sent, &self.shared.rules, Mode::Now) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let search = Search {
                    root,
                    name: name.to_owned(),
                    path: sent.to_owned(),
                    shared: Arc::clone(&self.shared),
                };
                self.answer_later(search, head, place)
            }
            outcome => Answer::Now(self.settle(outcome, head, place)),
        }
    }

    fn answer_later(self: &Rc<Self>, search: Search, head: &Parts, place: &Rc<Place>) -> Answer {
        let (files, place) = (Rc::clone(self), Rc::clone(place));
        let head = head.clone();
        Answer::Later(Box::pin(async move {
            let found = tokio::task::spawn_blocking(move || search.run(Mode::Wait)).await;
            // It fails only when the server ends.
            let found = found.unwrap_or_else(|error| Err(io::Error::other(error)));
            files.settle(found, &head, &place)
        }))
    }

    /// Answers by what was found, and keeps it.
    fn settle(&self, found: io::Result<Hit>, head: &Parts, place: &Place) -> Outcome {
        let sent = head.uri.path();
        match found {
            Ok(Hit::File(found)) => {
                let found = Rc::new(*found);
                self.cache.borrow_mut().put(sent, &found, Instant::now());
                respond_to(&head.method, &head.headers, &found, HeaderMap::new())
            }
            Ok(Hit::Folder) => redirect(&head.method, &head.uri),
            Ok(Hit::Nothing) => {
                self.cache.borrow_mut().forget(sent);
                Outcome::Passed
            }
            Err(error) => failed(&error, sent, place),
        }
    }
}

/// What has to be remembered of a request until the app has answered it.
pub(crate) struct Asking {
    files: Rc<FileServer>,
    method: Method,
    /// All of them: there are few, and which matter is not known yet.
    fields: HeaderMap,
    path: Box<str>,
    /// Whether the client wants a page.
    is_navigation: bool,
}

impl Asking {
    /// `None` if the app's response will be sent, whatever it is.
    pub(crate) fn new(files: &Rc<FileServer>, head: &Parts) -> Option<Box<Self>> {
        let is_navigation =
            files.fallback.is_some() && is_retrieval(&head.method) && accepts_html(&head.headers);
        if !is_navigation && files.handed.is_none() {
            return None;
        }
        Some(Box::new(Self {
            files: Rc::clone(files),
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
        if self.files.handed.is_some()
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

    /// `X-Sendfile`.
    async fn hand_over(
        self: Box<Self>,
        path: HeaderValue,
        status: StatusCode,
        fields: HeaderMap,
        place: Rc<Place>,
    ) -> Outcome {
        let shown = String::from_utf8_lossy(path.as_bytes()).into_owned();
        let (Some(handed), Some(anchor)) = (&self.files.shared.handed, &self.files.handed) else {
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
        let (Some(fallback), Some(anchor)) = (&self.files.shared.fallback, &self.files.fallback)
        else {
            return Outcome::Passed;
        };
        // A name that no path can have: it has no slash.
        let key = "fallback";
        let kept = self.files.cache.borrow_mut().get(key, Instant::now());
        let found = match kept {
            Some(found) => found,
            None => match self.look(anchor, fallback.name.clone()).await {
                Ok(Hit::File(found)) => {
                    let found = Rc::new(*found);
                    self.files
                        .cache
                        .borrow_mut()
                        .put(key, &found, Instant::now());
                    found
                }
                Ok(_) => return Outcome::Passed,
                Err(error) => return failed(&error, &fallback.name, &place),
            },
        };
        Outcome::Response(respond(self.asked(), &found, HeaderMap::new()))
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

/// Answers a request for a file that is there, in the `head`, which is empty.
fn respond_to(method: &Method, fields: &HeaderMap, found: &Found, head: HeaderMap) -> Outcome {
    if is_retrieval(method) {
        return Outcome::Response(respond(Asked { method, fields }, found, head));
    }
    Outcome::Response(other_method(method))
}

/// The methods that a file has: told, or missed.
fn other_method(method: &Method) -> Response<FileBody> {
    let mut response = Response::new(FileBody::empty());
    *response.status_mut() = if *method == Method::OPTIONS {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::METHOD_NOT_ALLOWED
    };
    response.headers_mut().insert(ALLOW, METHODS);
    response
}

/// Sends the client to the folder's path with its slash, from where the links in its index lead right.
/// The path was checked: it has one slash at its beginning, so it names no other host.
fn redirect(method: &Method, uri: &Uri) -> Outcome {
    if !is_retrieval(method) {
        return Outcome::Response(other_method(method));
    }
    let query = uri
        .query()
        .map_or(String::new(), |query| format!("?{query}"));
    let mut response = Response::new(FileBody::empty());
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    let fields = response.headers_mut();
    fields.insert(LOCATION, text(format!("{}/{query}", uri.path())));
    // Browsers keep a 301 for ever otherwise, also when the folder has become something else.
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Outcome::Response(response)
}

/// A file that is there and cannot be opened or read.
fn failed(error: &io::Error, path: &str, place: &Place) -> Outcome {
    place.report(
        code::FILE_UNREADABLE,
        Blame::Server,
        format!("{path}: {error}"),
    );
    refusal(match error.kind() {
        io::ErrorKind::PermissionDenied => StatusCode::FORBIDDEN,
        // Descriptors or memory are short, say: it may be better soon.
        _ => StatusCode::SERVICE_UNAVAILABLE,
    })
}

fn refusal(status: StatusCode) -> Outcome {
    Outcome::Refused(Refusal {
        status,
        close: false,
        retry_after: (status == StatusCode::SERVICE_UNAVAILABLE).then_some(1),
    })
}
