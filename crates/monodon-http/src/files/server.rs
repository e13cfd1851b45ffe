//! One I/O thread's server of files.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use http::header::{ALLOW, CACHE_CONTROL, HeaderMap, HeaderValue, LOCATION};
use http::request::Parts;
use http::{Method, Response, StatusCode, Uri};

use super::body::FileBody;
use super::cache::{Cache, FRESH};
use super::found::{Found, Looked};
use super::mode::Mode;
use super::mounts::Mounts;
use super::path;
use super::respond::{Asked, is_retrieval, respond, text};
use super::root::Root;
use super::rules::CacheRules;
use crate::io_thread::place::Place;
use crate::refusal::Refusal;
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
    pub(super) shared: Arc<Mounts>,
    /// By the index of their mounts.
    folders: Vec<Anchor>,
    pub(super) fallback: Option<Anchor>,
    pub(super) handed: Option<Anchor>,
    pub(super) cache: RefCell<Cache>,
    /// An empty map for the fields of the next response: that of a request that was answered.
    spare: Cell<HeaderMap>,
}

/// A folder, looked at from time to time whether its path names another one: one that was built anew,
/// or that `current` points to after a deployment.
pub(super) struct Anchor {
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

    pub(super) fn root(&self, now: Instant) -> Arc<Root> {
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
pub(super) struct Search {
    pub(super) root: Arc<Root>,
    pub(super) name: String,
    /// The path as the client has sent it.
    pub(super) path: String,
    pub(super) shared: Arc<Mounts>,
}

/// What was found.
pub(super) enum Hit {
    File(Box<Found>),
    /// A folder that has an index, asked for without the slash.
    Folder,
    Nothing,
}

impl Search {
    pub(super) fn run(&self, mode: Mode) -> io::Result<Hit> {
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
pub(super) fn failed(error: &io::Error, path: &str, place: &Place) -> Outcome {
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

pub(super) fn refusal(status: StatusCode) -> Outcome {
    Outcome::Refused(Refusal {
        status,
        close: false,
        retry_after: (status == StatusCode::SERVICE_UNAVAILABLE).then_some(1),
    })
}
