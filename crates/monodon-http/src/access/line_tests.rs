use http::{HeaderValue, Request, StatusCode, Version};
use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};

use super::{Line, Refused, escape};
use crate::access::VALUE_BYTES;

const TIME: &str = "[01/Jan/1970:00:00:00 +0000]";

fn request(target: &str) -> Request<()> {
    Request::builder().uri(target).body(()).expect(target)
}

fn begun(request: &Request<()>) -> Line {
    let mut line = Line::default();
    line.begin("10.0.0.1", request);
    line
}

fn written(line: &Line) -> String {
    let mut out = Vec::new();
    line.write(TIME, &mut out);
    assert!(out.len() <= line.max_bytes());
    String::from_utf8(out).expect("ASCII")
}

fn with(mut request: Request<()>, name: &'static str, value: &[u8]) -> Request<()> {
    let value = HeaderValue::from_bytes(value).expect("a value");
    request.headers_mut().insert(name, value);
    request
}

#[test]
fn is_the_combined_format() {
    let request = with(request("/path?q"), "user-agent", b"curl/8.1");
    let mut line = begun(&request);
    line.respond(StatusCode::OK, 7);
    line.count(6);
    line.count(7);
    assert_eq!(
        written(&line),
        format!("10.0.0.1 - - {TIME} \"GET /path?q HTTP/1.1\" 200 13 \"-\" \"curl/8.1\"\n")
    );
    let mut again = line;
    assert!(again.clear());
    again.begin(
        "::1",
        &with(request_of(Version::HTTP_2), "referer", b"http://a/"),
    );
    assert_eq!(
        written(&again),
        format!("::1 - - {TIME} \"GET /b HTTP/2.0\" 499 - \"http://a/\" \"-\"\n"),
        "nothing is left of the line before"
    );
}

fn request_of(version: Version) -> Request<()> {
    let mut request = request("http://a/b");
    *request.version_mut() = version;
    request
}

#[test]
fn shows_the_target_as_it_was_sent() {
    for (request, expected) in [
        (request("*"), "GET * HTTP/1.1"),
        (request("/%0a?x=%22"), "GET /%0a?x=%22 HTTP/1.1"),
        (request_of(Version::HTTP_11), "GET http://a/b HTTP/1.1"),
        (request_of(Version::HTTP_10), "GET http://a/b HTTP/1.0"),
        (request_of(Version::HTTP_2), "GET /b HTTP/2.0"),
    ] {
        let line = written(&begun(&request));
        assert!(line.contains(&format!(" \"{expected}\" ")), "{line}");
    }
}

#[test]
fn names_the_user_and_never_the_password() {
    for (value, user) in [
        ("Basic YWxpY2U6c2VjcmV0", "alice"),
        ("basic  YWxpY2U6c2VjcmV0 ", "alice"),
        ("Basic YWxpY2U6", "alice"),
        ("Basic OnNlY3JldA==", "-"),
        ("Basic c2VjcmV0", "-"),
        ("Basic !", "-"),
        ("Basic ", "-"),
        ("Bearer YWxpY2U6c2VjcmV0", "-"),
        ("YWxpY2U6c2VjcmV0", "-"),
        // 'a b"\n:x'
        ("Basic YSBiIgo6eA==", "a\\x20b\\x22\\x0A"),
    ] {
        let request = with(request("/"), "authorization", value.as_bytes());
        let line = written(&begun(&request));
        let start = format!("10.0.0.1 - {user} [");
        assert!(line.starts_with(&start), "{value}: {line}");
        assert!(!line.contains("secret"));
    }
}

#[test]
fn cuts_long_values() {
    let long = format!("/{}", "p".repeat(5000));
    let line = written(&begun(&with(request(&long), "user-agent", &[b'"'; 5000])));
    let shown = format!("GET {}... HTTP/1.1", &long[..VALUE_BYTES]);
    assert!(line.contains(&shown), "{line}");
    assert!(line.ends_with(&format!(" \"{}...\"\n", "\\x22".repeat(VALUE_BYTES))));
    let refused = Refused {
        ip: "::1",
        request_line: &[b'"'; 5000],
        status: StatusCode::URI_TOO_LONG,
        sent: 9,
    };
    let mut out = Vec::new();
    refused.write(TIME, &mut out);
    assert!(out.ends_with(b"...\" 414 9 \"-\" \"-\"\n") && out.len() <= refused.max_bytes());
}

#[test]
fn corrects_what_was_cut() {
    for (bytes_out, expected) in [
        (100, "\" 499 - "),
        (150, "\" 200 50 "),
        (100_000, "\" 200 1000 "),
        (5, "\" 499 - "),
    ] {
        let mut line = begun(&request("/"));
        line.respond(StatusCode::OK, 100);
        line.count(1000);
        line.cut(bytes_out);
        let line = written(&line);
        assert!(line.contains(expected), "{bytes_out}: {line}");
    }
}

/// Undoes the escapes.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'\\' {
            let digits = std::str::from_utf8(&after[1..3]).expect("digits");
            out.push(u8::from_str_radix(digits, 16).expect("digits"));
            rest = &after[3..];
        } else {
            out.push(byte);
            rest = after;
        }
    }
    out
}

proptest! {
    #[test]
    fn escaping_is_reversible_and_plain(value in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut out = b"before".to_vec();
        escape(&value, 200, &mut out);
        let text = &out[b"before".len()..];
        prop_assert!(text.iter().all(|byte| (b' '..=b'~').contains(byte) && *byte != b'"'));
        prop_assert_eq!(unescaped(text), value);
    }

    #[test]
    fn no_client_forges_a_line(
        agent in prop::collection::vec(any::<u8>(), 0..100),
        referer in prop::collection::vec(any::<u8>(), 0..100),
        user in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        use base64::Engine;
        let encoded = base64::engine::general_purpose::STANDARD.encode(user);
        let credentials = format!("Basic {encoded}");
        let mut request = request("/");
        let fields = [("user-agent", &agent[..]), ("referer", &referer), ("authorization", credentials.as_bytes())];
        for (name, value) in fields {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                request.headers_mut().insert(name, value);
            }
        }
        let line = written(&begun(&request));
        // Three quoted values and the time make a line of known shape, whatever is in them.
        let (body, end) = line.split_at(line.len() - 1);
        prop_assert_eq!(end, "\n");
        prop_assert!(body.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        let parts: Vec<&str> = body.split('"').collect();
        prop_assert_eq!(parts.len(), 7);
        prop_assert_eq!(parts[0].split(' ').count(), 6);
        prop_assert_eq!((parts[1], parts[2]), ("GET / HTTP/1.1", " 499 - "));
    }
}
