use std::io;

use super::{is_without_ipv6, listen, open_all, resolve};
use crate::options::Options;
use crate::start_error::StartError;

#[test]
fn understands_addresses() {
    for (bind, addresses) in [
        (":80", "0.0.0.0:80"),
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("[::1]:9", "[::1]:9"),
        ("localhost:7", "127.0.0.1:7 [::1]:7"),
    ] {
        let found = resolve(bind).expect(bind);
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found.join(" "), addresses);
    }
}

#[test]
fn names_what_is_wrong() {
    for bind in ["", "localhost", "a:b", ":x", "127.0.0.1:99999"] {
        let error = resolve(bind).expect_err(bind);
        assert!(
            error
                .to_string()
                .starts_with(&format!("cannot listen on {bind}")),
            "{error}"
        );
        assert_eq!(error.code(), "EINVAL");
    }
    let options = Options::default();
    let first = only("127.0.0.1:0", &options);
    let taken = address_of(&first);
    let error = listen(&taken, &options).expect_err("the port is taken");
    assert_eq!(error.code(), "EADDRINUSE");
    assert!(error.to_string().contains(&taken), "{error}");
}

#[test]
fn all_addresses_of_a_name_have_one_port() {
    let options = Options::default();
    let sockets = listen("localhost:0", &options).expect("a free port");
    let found: Vec<_> = sockets.iter().map(address_of).collect();
    let (_, port) = found[0].rsplit_once(':').expect("a port");
    assert_eq!(found[0], format!("127.0.0.1:{port}"));
    if found.len() > 1 {
        assert_eq!(found[1..], [format!("[::1]:{port}")]);
    }
    let bind = format!("localhost:{port}");
    let error = listen(&bind, &options).expect_err("the port is taken");
    assert_eq!(
        error.to_string(),
        format!(
            "cannot listen on {bind}: another program listens on {} (EADDRINUSE)",
            found[0]
        )
    );
}

#[test]
fn addresses_of_ipv6_may_be_missing_and_others_may_not() {
    let options = Options::default();
    let [none4, none6] =
        ["192.0.2.1:0", "[2001:db8::1]:0"].map(|text| text.parse().expect("an address"));
    let here = "127.0.0.1:0".parse().expect("an address");
    assert_eq!(
        open_all(&[here, none6], &options)
            .expect("one of them")
            .len(),
        1
    );
    let error = open_all(&[none6], &options).expect_err("none");
    assert!(is_without_ipv6(&error), "{error}");
    open_all(&[here, none4], &options).expect_err("an address of others");
}

fn only(bind: &str, options: &Options) -> socket2::Socket {
    let mut sockets = listen(bind, options).expect("a free port");
    assert_eq!(sockets.len(), 1);
    sockets.remove(0)
}

fn address_of(socket: &socket2::Socket) -> String {
    let address = socket.local_addr().expect("an address").as_socket();
    address.expect("of TCP").to_string()
}

#[cfg(unix)]
#[test]
fn servers_share_a_port_if_all_of_them_ask_for_it() {
    let sharing = Options {
        reuse_port: true,
        ..Options::default()
    };
    let first = only("127.0.0.1:0", &sharing);
    assert!(first.reuse_port().expect("an option"));
    let address = address_of(&first);
    only(&address, &sharing);
    listen(&address, &Options::default()).expect_err("this one does not ask");
}

#[test]
fn says_what_a_failure_to_listen_wants() {
    let failed = |bind: &str, kind: io::ErrorKind| StartError::Listen {
        bind: bind.to_owned(),
        source: kind.into(),
    };
    for (bind, kind, fault, text) in [
        (
            "127.0.0.1:80",
            io::ErrorKind::PermissionDenied,
            "MONODON_BIND_FAILED",
            "CAP_NET_BIND_SERVICE, or a .socket unit of systemd) (EACCES)",
        ),
        (
            "https://fd://3",
            io::ErrorKind::InvalidInput,
            "MONODON_BAD_DESCRIPTOR",
            "(EINVAL)",
        ),
        (
            "unix:/tmp/fd://3",
            io::ErrorKind::NotFound,
            "MONODON_BIND_FAILED",
            "its folder does not exist (ENOENT)",
        ),
    ] {
        let error = failed(bind, kind);
        assert_eq!(error.fault(), fault, "{bind}");
        assert!(error.to_string().ends_with(text), "{error}");
    }
}
