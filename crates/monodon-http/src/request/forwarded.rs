//! What proxies in front of the server tell of the client: `Forwarded` (RFC 7239) and the fields
//! `X-Forwarded-*`.
//!
//! Nothing is looked at here unless the connection comes from somebody who is believed
//! (`--forwarded-allow-ips`). Each proxy adds to what it was sent, so a list is read from its end: the
//! client is the last hop that is not believed by itself, and what stands before it is that client's
//! own tale.

mod element;
mod node;

use std::borrow::Cow;

use http::header::FORWARDED;
use http::{HeaderMap, HeaderValue, StatusCode};

use self::element::Element;
use self::node::Node;
use crate::framing::host;
use crate::report::code;
use crate::request::client::Client;
use crate::request::networks::Networks;
use crate::response::answers::Rejection;

/// Which fields are believed (`--forwarded-headers`).
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a field of its own")]
pub(crate) struct Believed {
    for_: bool,
    proto: bool,
    host: bool,
    port: bool,
    prefix: bool,
    forwarded: bool,
}

impl Believed {
    /// Reads the names; `x-forwarded` stands for all that begin so, `none` for nothing.
    ///
    /// # Errors
    /// The first that is no such name, and what is wrong with it.
    pub(crate) fn parse(names: &[String]) -> Result<Self, (String, &'static str)> {
        let mut believed = Self::default();
        for name in names {
            let all = name == "x-forwarded";
            let known = [
                (&mut believed.for_, "x-forwarded-for"),
                (&mut believed.proto, "x-forwarded-proto"),
                (&mut believed.host, "x-forwarded-host"),
                (&mut believed.port, "x-forwarded-port"),
                (&mut believed.prefix, "x-forwarded-prefix"),
            ];
            let mut is_known = all || name == "none";
            for (is_on, known) in known {
                is_known |= name == known;
                *is_on |= all || name == known;
            }
            if name == "forwarded" {
                believed.forwarded = true;
            } else if !is_known {
                return Err((name.clone(), "it is no field that can be believed"));
            }
        }
        Ok(believed)
    }
}

/// What is told of the client, as far as it is believed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) client: Option<Client>,
    pub(crate) is_https: Option<bool>,
    pub(crate) host: Option<HeaderValue>,
    pub(crate) port: Option<u16>,
    /// What a proxy has taken from the front of the path: `/`, and something that is no `/` at its end.
    pub(crate) prefix: Option<Box<str>>,
}

/// Reads what a proxy that is believed tells. `known` are those whose word on the hop before them is
/// believed, too.
///
/// # Errors
/// A rejection for fields that contradict each other, since one of them is not the proxy's, and for
/// values that are none.
pub(crate) fn read(
    fields: &HeaderMap,
    believed: Believed,
    known: &Networks,
) -> Result<Told, Rejection> {
    let mut told = read_x_forwarded(fields, believed, known)?;
    if believed.forwarded {
        let also = read_forwarded(fields, known)?;
        told.client = agreed(told.client, also.client)?;
        told.is_https = agreed(told.is_https, also.is_https)?;
        told.host = agreed(told.host, also.host)?;
    }
    Ok(told)
}

fn agreed<T: PartialEq>(one: Option<T>, other: Option<T>) -> Result<Option<T>, Rejection> {
    match (one, other) {
        (Some(one), Some(other)) if one != other => {
            Err(bad("Forwarded and X-Forwarded contradict each other"))
        }
        (one, other) => Ok(one.or(other)),
    }
}

fn bad(why: &'static str) -> Rejection {
    Rejection::new(StatusCode::BAD_REQUEST, code::BAD_REQUEST, why)
}

// -- the way from the server to the client

/// Hops that are looked at. Who passes more proxies that are believed is the last of these.
const HOPS: usize = 32;

/// A walk along the hops of a request, from the last one on.
struct Walk<'a> {
    known: &'a Networks,
    client: Option<Node>,
    hops: usize,
}

impl<'a> Walk<'a> {
    fn new(known: &'a Networks) -> Self {
        Self {
            known,
            client: None,
            hops: 0,
        }
    }

    /// Takes the next hop; whether the walk goes on. What is no address ends it: the client is then
    /// whoever was seen by the last proxy that is believed, as far as that one tells.
    fn step(&mut self, hop: Option<Node>) -> bool {
        self.hops += 1;
        let Some(node) = hop else {
            return false;
        };
        self.client = Some(node);
        self.hops < HOPS && self.known.list(node.ip)
    }

    fn client(&self) -> Option<Client> {
        self.client.map(|node| Client::new(node.ip, node.port))
    }
}

// -- X-Forwarded-*

fn read_x_forwarded(
    fields: &HeaderMap,
    believed: Believed,
    known: &Networks,
) -> Result<Told, Rejection> {
    let mut told = Told::default();
    if believed.for_ {
        let mut walk = Walk::new(known);
        let lines = fields.get_all("x-forwarded-for").iter().rev();
        let hops = lines.flat_map(|line| line.as_bytes().rsplit(|&byte| byte == b','));
        let hops = hops.map(<[u8]>::trim_ascii).filter(|hop| !hop.is_empty());
        for hop in hops {
            if !walk.step(node::parse(hop)) {
                break;
            }
        }
        told.client = walk.client();
    }
    if believed.proto {
        told.is_https = scheme(fields)?;
    }
    if believed.host
        && let Some(host) = last(fields, "x-forwarded-host")
    {
        told.host = Some(host_value(host)?);
    }
    if believed.port
        && let Some(port) = last(fields, "x-forwarded-port")
    {
        told.port = Some(port_number(port).ok_or(bad("X-Forwarded-Port is not a port"))?);
    }
    if believed.prefix
        && let Some(prefix) = last(fields, "x-forwarded-prefix")
    {
        told.prefix = prefix_text(prefix)?;
    }
    Ok(told)
}

/// The fields that tell the scheme, after `x-forwarded-`, each with what stands for https. These are
/// Gunicorn's `secure_scheme_headers`, whose users have their proxies set up for them.
const SCHEMES: [(&str, &[&[u8]]); 3] = [
    ("x-forwarded-proto", &[b"https", b"wss"]),
    ("x-forwarded-protocol", &[b"ssl"]),
    ("x-forwarded-ssl", &[b"on"]),
];

/// Whether the client used https. Any other value than those that stand for it says http.
fn scheme(fields: &HeaderMap) -> Result<Option<bool>, Rejection> {
    let mut scheme = None;
    for (name, https) in SCHEMES {
        for value in fields.get_all(name) {
            let value = value.as_bytes();
            // A scheme is case-insensitive (RFC 3986 section 3.1).
            let is_https = https.iter().any(|https| value.eq_ignore_ascii_case(https));
            if *scheme.get_or_insert(is_https) != is_https {
                return Err(bad(
                    "the X-Forwarded fields contradict each other about https",
                ));
            }
        }
    }
    Ok(scheme)
}

/// The last item of a list, which the nearest proxy has added; `None` if that is empty.
fn last<'a>(fields: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let line = fields.get_all(name).iter().next_back()?.as_bytes();
    let item = line.rsplit(|&byte| byte == b',').next()?.trim_ascii();
    (!item.is_empty()).then_some(item)
}

fn host_value(text: &[u8]) -> Result<HeaderValue, Rejection> {
    let value = HeaderValue::from_bytes(text).ok();
    value
        .filter(|_| host::is_valid(text))
        .ok_or(bad("the forwarded host is not valid"))
}

fn port_number(text: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(text).ok()?;
    let port = text.parse().ok().filter(|&port| port > 0);
    port.filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn prefix_text(text: &[u8]) -> Result<Option<Box<str>>, Rejection> {
    let text = std::str::from_utf8(text).unwrap_or("?");
    let prefix = text.strip_suffix('/').unwrap_or(text);
    if prefix.is_empty() {
        return Ok(None);
    }
    if is_prefix(prefix) {
        Ok(Some(prefix.into()))
    } else {
        Err(bad("X-Forwarded-Prefix is not a path"))
    }
}

/// Whether an app may be mounted there: segments that are not empty, nor dots, and need no escape. Two
/// slashes in front would make a link to another host of it.
pub(crate) fn is_prefix(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte);
    let is_segment =
        |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(is_plain);
    text.strip_prefix('/')
        .is_some_and(|rest| rest.split('/').all(is_segment))
}

// -- Forwarded

/// Scheme and host are those of the hop at which the walk ends: the client's connection.
fn read_forwarded(fields: &HeaderMap, known: &Networks) -> Result<Told, Rejection> {
    let mut walk = Walk::new(known);
    let mut end = None;
    'lines: for line in fields.get_all(FORWARDED).iter().rev() {
        let elements = element::elements(line.as_bytes());
        let elements = elements.ok_or(bad("Forwarded is malformed"))?;
        for element in elements.into_iter().rev() {
            let hop = element.client.as_deref().and_then(node::parse);
            end = Some(element);
            if !walk.step(hop) {
                break 'lines;
            }
        }
    }
    let Some(Element { proto, host, .. }) = end else {
        return Ok(Told::default());
    };
    let is_https = |proto: Cow<'_, [u8]>| proto.eq_ignore_ascii_case(b"https");
    Ok(Told {
        client: walk.client(),
        is_https: proto.map(is_https),
        host: host.map(|host| host_value(&host)).transpose()?,
        ..Told::default()
    })
}

#[cfg(test)]
#[path = "forwarded/tests.rs"]
mod tests;
