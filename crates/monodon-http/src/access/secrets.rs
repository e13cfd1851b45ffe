//! What is never written into the log as it is: fields and query parameters that hold credentials.

use std::borrow::Cow;

use http::HeaderName;
use memchr::{memchr, memmem};

/// Stands for a secret.
pub(super) const MASK: &[u8] = b"***";

/// What the names of fields hold whose value is a secret: the same as of those that the pages about
/// errors do not show (`lib/dev/secrets.ts`).
const FIELDS: [&str; 12] = [
    "api-key",
    "apikey",
    "auth",
    "cookie",
    "credential",
    "csrf",
    "passw",
    "secret",
    "session",
    "signature",
    "token",
    "xsrf",
];

/// Fields whose value is a URL, which may have secrets in its query.
const URLS: [&str; 7] = [
    "content-location",
    "location",
    "referer",
    "x-forwarded-uri",
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
];

/// Query parameters whose value is a secret, without `-` and `_`.
const PARAMETERS: [&str; 25] = [
    "accesskey",
    "accesstoken",
    "apikey",
    "apitoken",
    "auth",
    "authtoken",
    "authorization",
    "clientsecret",
    "credentials",
    "idtoken",
    "jwt",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "pwd",
    "refreshtoken",
    "secret",
    "sessionid",
    "sessiontoken",
    "sig",
    "signature",
    "token",
    "xamzsecuritytoken",
    "xamzsignature",
];
/// Bytes of a parameter's name that are looked at.
const NAME_BYTES: usize = 128;

/// What may be written although it is a secret (`--access-log-reveal`).
#[derive(Clone, Default)]
pub(crate) struct Secrets {
    /// In lower case.
    fields: Vec<String>,
    /// As in [`PARAMETERS`].
    parameters: Vec<String>,
}

impl Secrets {
    /// All secrets but those of these names.
    pub(crate) fn but(revealed: &[String]) -> Self {
        Self {
            fields: revealed
                .iter()
                .map(|name| name.to_ascii_lowercase())
                .collect(),
            parameters: revealed
                .iter()
                .map(|name| bare(name.as_bytes(), &mut [0; NAME_BYTES]).to_owned())
                .collect(),
        }
    }

    pub(super) fn is_secret(&self, name: &HeaderName) -> bool {
        let name = name.as_str();
        FIELDS.iter().any(|part| name.contains(part))
            && !self.fields.iter().any(|shown| shown == name)
    }

    pub(super) fn is_url(name: &HeaderName) -> bool {
        URLS.contains(&name.as_str())
    }

    /// A URL, or a request line, with its secrets masked: the password before its host, and what is
    /// in its query.
    pub(super) fn masked<'a>(&self, url: &'a [u8]) -> Cow<'a, [u8]> {
        let mut masked = Masked::new(url);
        if let Some((start, end)) = password(url) {
            masked.mask(start, end);
        }
        if let Some(question) = memchr(b'?', url) {
            self.mask_query(&mut masked, question + 1);
        }
        masked.finish()
    }

    /// The same of a query alone.
    pub(super) fn masked_query<'a>(&self, query: &'a [u8]) -> Cow<'a, [u8]> {
        let mut masked = Masked::new(query);
        self.mask_query(&mut masked, 0);
        masked.finish()
    }

    fn mask_query(&self, masked: &mut Masked, start: usize) {
        let text = masked.text;
        let mut at = start;
        while at < text.len() {
            let end = at
                + text[at..]
                    .iter()
                    .position(|byte| ENDS.contains(byte))
                    .unwrap_or(text.len() - at);
            if let Some(equals) = memchr(b'=', &text[at..end])
                && self.is_secret_parameter(&text[at..at + equals])
            {
                masked.mask(at + equals + 1, end);
            }
            at = end + 1;
        }
    }

    fn is_secret_parameter(&self, name: &[u8]) -> bool {
        let mut room = [0; NAME_BYTES];
        let name = bare(name, &mut room);
        PARAMETERS.contains(&name) && !self.parameters.iter().any(|shown| shown == name)
    }
}

/// What ends a parameter: the next one, a fragment, the end of the target in a request line.
const ENDS: [u8; 4] = *b"&;# ";

/// A parameter's name as it is compared: decoded, in lower case, of `user[password]` the part in
/// brackets, without `-` and `_`.
fn bare<'a>(name: &[u8], room: &'a mut [u8; NAME_BYTES]) -> &'a str {
    let mut length = 0;
    let mut rest = name;
    while let Some((&first, after)) = rest.split_first() {
        let (byte, after) = percent_decoded(first, after);
        rest = after;
        match byte.to_ascii_lowercase() {
            b'[' => length = 0,
            b']' | b'-' | b'_' => {}
            _ if length == NAME_BYTES => return "",
            byte => {
                room[length] = byte;
                length += 1;
            }
        }
    }
    std::str::from_utf8(&room[..length]).unwrap_or_default()
}

/// The byte that `%` and two digits stand for, and what follows; any other byte stands for itself.
pub(super) fn percent_decoded(first: u8, rest: &[u8]) -> (u8, &[u8]) {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    if let (b'%', [high, low, after @ ..]) = (first, rest)
        && let (Some(high), Some(low)) = (digit(*high), digit(*low))
    {
        return ((high * 16 + low) as u8, after);
    }
    (first, rest)
}

/// Where the password stands in `scheme://user:password@host`.
fn password(url: &[u8]) -> Option<(usize, usize)> {
    // A path has none, and is what most targets are.
    if url.starts_with(b"/") {
        return None;
    }
    let start = memmem::find(url, b"://")? + 3;
    let end = url[start..]
        .iter()
        .position(|byte| b"/?# ".contains(byte))
        .map_or(url.len(), |end| start + end);
    let at = start + url[start..end].iter().rposition(|&byte| byte == b'@')?;
    let colon = start + memchr(b':', &url[start..at])?;
    Some((colon + 1, at))
}

/// A text whose copy is made when the first part of it is masked.
struct Masked<'a> {
    text: &'a [u8],
    copy: Vec<u8>,
    /// How much of the text the copy stands for; nothing of it is masked while that is 0.
    done: usize,
}

impl<'a> Masked<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            copy: Vec::new(),
            done: 0,
        }
    }

    fn mask(&mut self, start: usize, end: usize) {
        self.copy.extend_from_slice(&self.text[self.done..start]);
        self.copy.extend_from_slice(MASK);
        self.done = end;
    }

    fn finish(mut self) -> Cow<'a, [u8]> {
        if self.done == 0 {
            return Cow::Borrowed(self.text);
        }
        self.copy.extend_from_slice(&self.text[self.done..]);
        Cow::Owned(self.copy)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::Secrets;

    fn masked(url: &str) -> String {
        let masked = Secrets::default().masked(url.as_bytes()).into_owned();
        String::from_utf8(masked).expect("text")
    }

    #[test]
    fn masks_what_is_secret_in_a_url() {
        for (url, expected) in [
            ("/", "/"),
            ("/?", "/?"),
            ("/token=1", "/token=1"),
            ("/a?q=1&page=2", "/a?q=1&page=2"),
            ("/a?token=abc", "/a?token=***"),
            ("/a?x=1&Access_Token=abc&y=2", "/a?x=1&Access_Token=***&y=2"),
            ("/a?api-key=a;password=b#c", "/a?api-key=***;password=***#c"),
            ("/a?%74oken=abc", "/a?%74oken=***"),
            ("/a?user%5Bpassword%5D=abc&b", "/a?user%5Bpassword%5D=***&b"),
            ("/a?user[password]=abc", "/a?user[password]=***"),
            ("/a?token", "/a?token"),
            ("/a?token=", "/a?token=***"),
            ("/a?=token", "/a?=token"),
            ("/a?tokens=1", "/a?tokens=1"),
            ("/a?b?token=c", "/a?b?token=c"),
            ("GET /?sig=x HTTP/1.1", "GET /?sig=*** HTTP/1.1"),
            ("http://a:b@c:80/", "http://a:***@c:80/"),
            (
                "GET http://a:b:c@d/?jwt=1 HTTP/1.1",
                "GET http://a:***@d/?jwt=*** HTTP/1.1",
            ),
            ("http://a@c/?b:c@d", "http://a@c/?b:c@d"),
            ("http://a:80/@", "http://a:80/@"),
        ] {
            assert_eq!(masked(url), expected);
        }
        let query = Secrets::default().masked_query(b"token=1&a=2").into_owned();
        assert_eq!(query, b"token=***&a=2");
        let long = format!("/?{}=1", "token".repeat(100));
        assert_eq!(masked(&long), long);
    }

    #[test]
    fn reveals_what_it_is_told_to() {
        let secrets = Secrets::but(&["Cookie".to_owned(), "api_key".to_owned()]);
        assert!(!secrets.is_secret(&HeaderName::from_static("cookie")));
        for name in [
            "set-cookie",
            "authorization",
            "x-my-auth-token",
            "x-api-key",
        ] {
            assert!(secrets.is_secret(&HeaderName::from_static(name)), "{name}");
        }
        assert!(!secrets.is_secret(&HeaderName::from_static("user-agent")));
        let masked = secrets.masked(b"/?api-key=1&token=2").into_owned();
        assert_eq!(masked, b"/?api-key=1&token=***");
    }
}
