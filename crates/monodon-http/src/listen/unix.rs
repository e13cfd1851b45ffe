//! Unix sockets to listen on.

mod access;

use socket2::Socket;

use crate::start_error::StartError;
pub(crate) use access::Access;

/// Listens on the path, or on the name behind `@`, which has no file (`unix(7)`: an abstract one); `bind` is
/// how it is shown. What a server left at a path that has gone is replaced; a file of any other kind, and
/// the socket of one that lives, is not touched.
#[cfg(unix)]
pub(crate) fn listen(
    bind: &str,
    path: &str,
    backlog: u32,
    access: &Access,
) -> Result<Socket, StartError> {
    if let Some(name) = path.strip_prefix('@') {
        return abstract_name(bind, name, backlog);
    }
    // The directory may be changed later, and the file be removed by this name.
    std::path::absolute(path)
        .and_then(|path| file::open(&path, backlog, access))
        .map_err(|source| StartError::Listen {
            bind: bind.to_owned(),
            source,
        })
}

/// Whoever is in the same network namespace may connect: there is no file whose mode could forbid it.
#[cfg(any(target_os = "android", target_os = "linux"))]
fn abstract_name(bind: &str, name: &str, backlog: u32) -> Result<Socket, StartError> {
    use socket2::{Domain, SockAddr, Type};

    if name.is_empty() {
        return Err(StartError::Address {
            bind: bind.to_owned(),
            why: "there is no name behind the @".to_owned(),
        });
    }
    let open = || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SockAddr::unix(format!("\0{name}"))?)?;
        socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        Ok(socket)
    };
    open().map_err(|source| StartError::Listen {
        bind: bind.to_owned(),
        source,
    })
}

#[cfg(all(unix, not(any(target_os = "android", target_os = "linux"))))]
fn abstract_name(bind: &str, _: &str, _: u32) -> Result<Socket, StartError> {
    Err(StartError::Address {
        bind: bind.to_owned(),
        why: "there are no Unix sockets without a file on this system".to_owned(),
    })
}

#[cfg(not(unix))]
pub(crate) fn listen(bind: &str, _: &str, _: u32, _: &Access) -> Result<Socket, StartError> {
    Err(StartError::Address {
        bind: bind.to_owned(),
        why: "there are no Unix sockets on this system".to_owned(),
    })
}

#[cfg(unix)]
mod file {
    use std::fs;
    use std::io;
    use std::os::unix::fs::FileTypeExt;
    use std::os::unix::net::UnixStream;
    use std::path::Path;

    use socket2::{Domain, SockAddr, Socket, Type};

    use super::Access;

    pub(super) fn open(path: &Path, backlog: u32, access: &Access) -> io::Result<Socket> {
        remove_stale(path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address(path)?)?;
        let listening = access
            .apply(path)
            // Nobody can connect before this, so mode and owner are there in time.
            .and_then(|()| socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX)));
        if listening.is_err() {
            let _ = fs::remove_file(path);
        }
        listening.map(|()| socket)
    }

    /// The kernel has room for 107 bytes on Linux, and for fewer elsewhere.
    fn address(path: &Path) -> io::Result<SockAddr> {
        SockAddr::unix(path).map_err(|_| {
            let why =
                "the path is too long for a socket: choose a shorter one, of 100 bytes at most";
            io::Error::new(io::ErrorKind::InvalidInput, why)
        })
    }

    fn remove_stale(path: &Path) -> io::Result<()> {
        let kind = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata.file_type(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if !kind.is_socket() {
            let why = "there is a file that is no socket: remove it, or choose another path";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
        }
        match try_connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
            // It was removed since.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
            // Somebody has answered, or would: its queue may be full.
            _ => Err(io::ErrorKind::AddrInUse.into()),
        }
    }

    /// Without waiting: a server whose queue is full lives.
    fn try_connect(path: &Path) -> io::Result<UnixStream> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(&address(path)?)?;
        Ok(socket.into())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::PathBuf;

    use super::{Access, listen};
    use crate::options::Options;

    /// A folder that is removed at the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("monodon-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).expect("a folder");
            Self(path)
        }

        fn path(&self, name: &str) -> String {
            self.0.join(name).to_str().expect("a path").to_owned()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// For its owner alone.
    fn private() -> Access {
        let options = Options {
            socket_mode: 0o600,
            ..Options::default()
        };
        Access::new(&options).expect("a mode")
    }

    #[test]
    fn makes_a_file_with_the_mode() {
        let folder = Folder::new("mode");
        let path = folder.path("socket");
        let _socket = listen("unix:socket", &path, 1, &private()).expect("a free path");
        let mode = fs::metadata(&path).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        UnixStream::connect(&path).expect("a server");
    }

    #[test]
    fn replaces_what_a_server_has_left() {
        let folder = Folder::new("stale");
        let path = folder.path("socket");
        drop(UnixListener::bind(&path).expect("a free path"));
        let _socket = listen("unix:socket", &path, 1, &private()).expect("nobody listens there");
        UnixStream::connect(&path).expect("a server");
    }

    #[test]
    fn leaves_a_server_that_lives_also_when_its_queue_is_full() {
        let folder = Folder::new("live");
        let path = folder.path("socket");
        let _first = listen("unix:socket", &path, 1, &private()).expect("a free path");
        // The kernel takes one more than the backlog.
        for _ in 0..3 {
            let error = listen("unix:socket", &path, 1, &private()).expect_err("somebody is there");
            assert_eq!(error.code(), "EADDRINUSE");
        }
        assert!(fs::symlink_metadata(&path).is_ok());
    }

    #[test]
    fn leaves_files_that_are_no_sockets() {
        let folder = Folder::new("file");
        let path = folder.path("notes.txt");
        fs::write(&path, "mine").expect("a file");
        let error = listen("unix:notes.txt", &path, 1, &private()).expect_err("a file is there");
        assert!(error.to_string().contains("no socket"), "{error}");
        assert_eq!(fs::read_to_string(&path).expect("the file"), "mine");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn listens_on_names_without_a_file() {
        use std::os::linux::net::SocketAddrExt;
        use std::os::unix::net::SocketAddr;

        let name = format!("@monodon-test-{}", std::process::id());
        let bind = format!("unix:{name}");
        let first = listen(&bind, &name, 1, &private()).expect("a free name");
        let error = listen(&bind, &name, 1, &private()).expect_err("the name is taken");
        assert_eq!(error.code(), "EADDRINUSE");
        let address = SocketAddr::from_abstract_name(&name[1..]).expect("a name");
        UnixStream::connect_addr(&address).expect("a server");
        drop(first);
        listen(&bind, &name, 1, &private()).expect("nothing is left of it");
        let error = listen("unix:@", "@", 1, &private()).expect_err("no name");
        assert_eq!(error.code(), "EINVAL");
    }

    #[test]
    fn names_a_path_that_is_too_long() {
        let folder = Folder::new("long");
        let path = folder.path(&"x".repeat(120));
        let error = listen("unix:long", &path, 1, &private()).expect_err("sun_path has 108 bytes");
        assert!(error.to_string().contains("unix:long"), "{error}");
    }
}
