//! What the marks before the address of an item of `bind` ask for.

use crate::options::Options;

/// Before a bind on which TLS is spoken.
const HTTPS: &str = "https://";

/// What a socket that listens asks of its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bind {
    /// Whether the PROXY protocol comes first.
    pub introduction: Introduction,
    /// Then they begin with a handshake of TLS.
    pub is_tls: bool,
}

/// Where the PROXY protocol is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Introduction {
    /// On all binds, if `--proxy-protocol` says so: none has a mark.
    Everywhere,
    /// Here: `proxy` is before its address.
    Here,
    /// At binds with that mark, of which this is none.
    Elsewhere,
}

/// What stands before the address in an item of `bind`.
#[derive(Clone, Copy, Default)]
pub(crate) struct Marks {
    is_proxied: bool,
    /// What it says of TLS, if it does.
    is_tls: Option<bool>,
}

/// `proxy://`, `https://`, `http://`, `proxy+https://`, `proxy+http://` or nothing, and the address.
pub(crate) fn marks_of(item: &str) -> (Marks, &str) {
    if let Some(place) = item.strip_prefix("proxy://") {
        let is_proxied = true;
        return (
            Marks {
                is_proxied,
                ..Marks::default()
            },
            place,
        );
    }
    let (is_proxied, rest) = match item.strip_prefix("proxy+") {
        Some(rest) => (true, rest),
        None => (false, item),
    };
    for (scheme, is_tls) in [(HTTPS, true), ("http://", false)] {
        if let Some(place) = rest.strip_prefix(scheme) {
            let is_tls = Some(is_tls);
            return (Marks { is_proxied, is_tls }, place);
        }
    }
    (Marks::default(), item)
}

/// Of an item of `bind`, what it asks for, and the address in it. Without a scheme it is TLS if there are
/// certificates and no other item says where they are for: `--certfile` alone is enough, as in Gunicorn.
/// The PROXY protocol is where the marks are, if there are any.
pub(crate) fn kind_of<'a>(item: &'a str, options: &Options) -> (Bind, &'a str) {
    let (marks, place) = marks_of(item);
    let is_marked = |is: fn(&Marks) -> bool| {
        let mut others = options.bind.iter().map(|other| marks_of(other).0);
        others.any(|marks| is(&marks))
    };
    let by_default =
        || !options.certfile.is_empty() && !is_marked(|marks| marks.is_tls == Some(true));
    let bind = Bind {
        introduction: if marks.is_proxied {
            Introduction::Here
        } else if is_marked(|marks| marks.is_proxied) {
            Introduction::Elsewhere
        } else {
            Introduction::Everywhere
        },
        is_tls: marks.is_tls.unwrap_or_else(by_default),
    };
    (bind, place)
}

/// The items of `options.bind` that ask for no TLS.
pub fn plain_binds(options: &Options) -> impl Iterator<Item = &str> {
    let items = options.bind.iter().map(String::as_str);
    items.filter(|item| !kind_of(item, options).0.is_tls)
}

#[cfg(test)]
mod tests {
    use super::{Bind, Introduction, kind_of};
    use crate::options::Options;

    /// What each item asks for, and its address.
    fn kinds(items: &[&str], has_certificate: bool) -> Vec<(Bind, String)> {
        let options = Options {
            bind: items.iter().map(ToString::to_string).collect(),
            certfile: has_certificate
                .then(|| "a.pem".to_owned())
                .into_iter()
                .collect(),
            ..Options::default()
        };
        let kind = |item: &&str| {
            let (bind, place) = kind_of(item, &options);
            (bind, place.to_owned())
        };
        items.iter().map(kind).collect()
    }

    #[test]
    fn marks_say_what_a_bind_is() {
        use Introduction::{Elsewhere, Everywhere, Here};
        for (items, has_certificate, expected) in [
            (
                &[":1", "unix:s"][..],
                false,
                &[(Everywhere, false), (Everywhere, false)][..],
            ),
            (
                &[":1", "http://:2"],
                true,
                &[(Everywhere, true), (Everywhere, false)],
            ),
            (
                &["https://:1", ":2"],
                true,
                &[(Everywhere, true), (Everywhere, false)],
            ),
            (
                &["proxy://:1", ":2"],
                false,
                &[(Here, false), (Elsewhere, false)],
            ),
            (
                &["proxy://:1", ":2"],
                true,
                &[(Here, true), (Elsewhere, true)],
            ),
            (
                &["proxy+https://:1", "proxy+http://fd://3", ":2"],
                true,
                &[(Here, true), (Here, false), (Elsewhere, false)],
            ),
        ] {
            let found = kinds(items, has_certificate);
            let found: Vec<_> = found
                .iter()
                .map(|(bind, _)| (bind.introduction, bind.is_tls))
                .collect();
            assert_eq!(found, expected, "{items:?}");
        }
        let places: Vec<_> = kinds(
            &["proxy://unix:s", "proxy+http://fd://3", "https://:1"],
            true,
        )
        .into_iter()
        .map(|(_, place)| place)
        .collect();
        assert_eq!(places, ["unix:s", "fd://3", ":1"]);
    }
}
