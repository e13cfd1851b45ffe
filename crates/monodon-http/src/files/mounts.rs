//! Which folder a path is served from (`--static`), and what else the options say of files.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::root::Root;
use super::rules::{CacheRules, is_under};
use crate::options::Options;
use crate::start_error::StartError;

/// Shared by all I/O threads. Two are the same if they serve alike: a folder that was replaced is
/// another one.
pub(crate) struct Mounts {
    /// The longest prefix first.
    pub(crate) list: Vec<Mount>,
    pub(crate) fallback: Option<Fallback>,
    /// Where the files are that the app hands over.
    pub(crate) handed: Option<Handed>,
    pub(crate) rules: CacheRules,
    /// What the server answers by itself, and is served from no folder.
    health: Option<String>,
    /// What comes without TLS is sent to https, files too.
    pub(crate) is_https_only: bool,
}

pub(crate) struct Mount {
    /// Without a slash at its end; empty for every path.
    pub(crate) prefix: String,
    pub(crate) root: Arc<Root>,
}

/// `--static-fallback`.
pub(crate) struct Fallback {
    pub(crate) root: Arc<Root>,
    pub(crate) name: String,
}

/// `--sendfile-root`.
pub(crate) struct Handed {
    pub(crate) root: Arc<Root>,
    /// As the option has it, which the app may know it by.
    pub(crate) given: PathBuf,
}

impl Mounts {
    /// Opens the folders; `None` if the options name none.
    ///
    /// # Errors
    /// [`StartError::Option`] for the first that cannot be opened, and for a prefix that comes twice.
    pub(crate) fn open(options: &Options) -> Result<Option<Arc<Self>>, StartError> {
        let is_asked_for = !options.r#static.is_empty()
            || !options.static_fallback.is_empty()
            || !options.sendfile_root.is_empty();
        if !is_asked_for {
            return Ok(None);
        }
        let mut mounts: Vec<Mount> = Vec::new();
        for item in &options.r#static {
            let mount = mount(item)?;
            if mounts.iter().any(|other| other.prefix == mount.prefix) {
                let why = "the prefix has a folder already".to_owned();
                return Err(wrong("static", item, why));
            }
            mounts.push(mount);
        }
        mounts.sort_by_key(|mount| std::cmp::Reverse(mount.prefix.len()));
        Ok(Some(Arc::new(Self {
            list: mounts,
            fallback: fallback(&options.static_fallback)?,
            handed: handed(&options.sendfile_root)?,
            rules: CacheRules::new(options.static_max_age, &options.static_immutable),
            health: (!options.health_path.is_empty()).then(|| options.health_path.clone()),
            is_https_only: options.redirect_http,
        })))
    }

    /// The mount of a path, by its index, and the path below it.
    pub(crate) fn find<'a>(&self, path: &'a str) -> Option<(usize, &'a str)> {
        let found = self
            .list
            .iter()
            .position(|mount| is_under(path, &mount.prefix))?;
        Some((found, &path[self.list[found].prefix.len()..]))
    }

    /// Whether the path is one of `--health-path`.
    pub(crate) fn is_health(&self, path: &str) -> bool {
        let below = self
            .health
            .as_deref()
            .and_then(|health| path.strip_prefix(health));
        matches!(below, Some("" | "/live" | "/ready"))
    }
}

/// One `PREFIX=DIR`.
fn mount(item: &str) -> Result<Mount, StartError> {
    let (prefix, folder) = item
        .split_once('=')
        .ok_or_else(|| wrong("static", item, "it is no PREFIX=DIR".to_owned()))?;
    let root = open(Path::new(folder)).map_err(|why| wrong("static", item, why))?;
    Ok(Mount {
        prefix: prefix.trim_end_matches('/').to_owned(),
        root,
    })
}

fn fallback(file: &str) -> Result<Option<Fallback>, StartError> {
    if file.is_empty() {
        return Ok(None);
    }
    let path = Path::new(file);
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.filter(|_| path.is_file());
    let name = name.ok_or_else(|| wrong("static-fallback", file, "it is no file".to_owned()))?;
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let root = open(folder.unwrap_or(Path::new(".")));
    Ok(Some(Fallback {
        root: root.map_err(|why| wrong("static-fallback", file, why))?,
        name: name.to_owned(),
    }))
}

fn handed(folder: &str) -> Result<Option<Handed>, StartError> {
    if folder.is_empty() {
        return Ok(None);
    }
    let given = Path::new(folder);
    let root = open(given).map_err(|why| wrong("sendfile-root", folder, why))?;
    let given = std::path::absolute(given).unwrap_or_else(|_| given.to_owned());
    Ok(Some(Handed { root, given }))
}

fn open(folder: &Path) -> Result<Arc<Root>, String> {
    match Root::open(folder) {
        Ok(root) => Ok(Arc::new(root)),
        Err(error) => Err(format!("{}: {}", folder.display(), reason(&error))),
    }
}

/// Why a folder cannot be opened, in words.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such folder".to_owned(),
        io::ErrorKind::NotADirectory => "it is no folder".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        _ => error.to_string(),
    }
}

fn wrong(option: &'static str, item: &str, why: String) -> StartError {
    StartError::Option {
        option,
        value: item.to_owned(),
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::Mounts;
    use crate::files::scratch::Scratch;
    use crate::options::Options;

    fn options(mounts: &[String]) -> Options {
        Options {
            r#static: mounts.to_vec(),
            health_path: "/health".to_owned(),
            ..Options::default()
        }
    }

    #[test]
    fn the_longest_prefix_wins_and_ends_where_a_part_does() {
        let scratch = Scratch::new();
        scratch.write("a/x", "");
        scratch.write("b/x", "");
        let item =
            |prefix: &str, folder: &str| format!("{prefix}={}", scratch.path(folder).display());
        let list = [item("/static", "a"), item("/static/img/", "b")];
        let mounts = Mounts::open(&options(&list))
            .expect("mounts")
            .expect("some");
        for (path, expected) in [
            ("/static", Some((1, ""))),
            ("/static/", Some((1, "/"))),
            ("/static/x", Some((1, "/x"))),
            ("/static/imgs/x", Some((1, "/imgs/x"))),
            ("/static/img/x", Some((0, "/x"))),
            ("/statics/x", None),
            ("/", None),
        ] {
            assert_eq!(mounts.find(path), expected, "{path}");
        }
        let whole = Mounts::open(&options(&[item("/", "a")]))
            .expect("mounts")
            .expect("some");
        assert_eq!(whole.find("/x"), Some((0, "/x")));
        assert_eq!(whole.find("/"), Some((0, "/")));
        assert!(whole.is_health("/health/live") && !whole.is_health("/health/x"));
    }

    #[test]
    fn what_is_not_there_is_said_at_the_start() {
        let scratch = Scratch::new();
        scratch.write("a/x", "");
        let error = |change: &dyn Fn(&mut Options)| {
            let mut options = Options::default();
            change(&mut options);
            Mounts::open(&options).err().expect("an error").to_string()
        };
        let folder = scratch.path("a").display().to_string();
        let missing = scratch.path("missing").display().to_string();
        for (text, option, why) in [
            (
                error(&|options| options.r#static = vec![format!("/s={missing}")]),
                "--static",
                "there is no such folder",
            ),
            (
                error(&|options| options.r#static = vec![format!("/s={folder}/x")]),
                "--static",
                "it is no folder",
            ),
            (
                error(&|options| {
                    options.r#static = ["/s", "/s/"]
                        .map(|prefix| format!("{prefix}={folder}"))
                        .into();
                }),
                "--static",
                "the prefix has a folder already",
            ),
            (
                error(&|options| options.static_fallback = format!("{folder}/missing.html")),
                "--static-fallback",
                "it is no file",
            ),
            (
                error(&|options| options.static_fallback.clone_from(&folder)),
                "--static-fallback",
                "it is no file",
            ),
            (
                error(&|options| options.sendfile_root.clone_from(&missing)),
                "--sendfile-root",
                "there is no such folder",
            ),
        ] {
            let is_told = text.starts_with(&format!("{option} is ")) && text.ends_with(why);
            assert!(is_told, "{text}");
        }
    }
}
