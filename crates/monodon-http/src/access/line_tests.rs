use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Version};
use jiff::tz::TimeZone;
use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};

use super::{Clock, Format, Line, Outcome, Subject};
use crate::access::escape::VALUE_BYTES;
use crate::access::format::Settings;
use crate::access::secrets::Secrets;
use crate::access::subject::RequestLine;

const TIME: &str = "[TIME +0000]";

fn format(text: &str) -> Arc<Format> {
    let settings = Settings {
        secrets: Secrets::default(),
        request_id: Some(&HeaderName::from_static("x-request-id")),
    };
    Arc::new(Format::read(text, &settings).expect(text))
}

fn subject(request: &Request<()>) -> Subject<'_> {
    Subject {
        ip: b"10.0.0.1",
        port: Some(4711),
        tls: None,
        line: RequestLine::Parsed {
            method: request.method(),
            uri: request.uri(),
            version: request.version(),
        },
        fields: Some(request.headers()),
    }
}

fn refused(line: &[u8]) -> Subject<'_> {
    Subject {
        ip: b"::1",
        port: None,
        tls: None,
        line: RequestLine::Raw(line),
        fields: None,
    }
}

fn request(target: &str) -> Request<()> {
    Request::builder().uri(target).body(()).expect(target)
}

fn begun(request: &Request<()>) -> Line {
    begun_of("combined", &subject(request))
}

fn begun_of(text: &str, subject: &Subject<'_>) -> Line {
    let mut line = Line::default();
    line.begin(&format(text), subject);
    line
}

/// What the line of a request without an answer writes, as `written_of`.
fn written(line: &Line) -> String {
    written_of(line, &Outcome::default())
}

/// What the line writes, with [`TIME`] for the time of Apache.
fn written_of(line: &Line, outcome: &Outcome) -> String {
    let mut out = Vec::new();
    line.write(outcome, &Clock::new(TimeZone::UTC), &mut out);
    let text = String::from_utf8(out).expect("ASCII");
    // A user may be called "[", and what is after the time may hold anything: the time's bracket is
    // the last one before the first zone.
    let ours = text.split_once(" +0000]").and_then(|(start, after)| {
        let (before, _) = start.rsplit_once(" [")?;
        Some(format!("{before} {TIME}{after}"))
    });
    ours.unwrap_or(text)
}

fn outcome(status: u16, sent: u64) -> Outcome {
    Outcome {
        status,
        sent,
        ..Outcome::default()
    }
}

fn with(mut request: Request<()>, name: &'static str, value: &[u8]) -> Request<()> {
    let value = HeaderValue::from_bytes(value).expect("a value");
    request.headers_mut().insert(name, value);
    request
}

#[test]
fn is_the_combined_format() {
    let request = with(request("/path?q"), "user-agent", b"curl/8.1");
    let line = begun(&request);
    assert_eq!(
        written_of(&line, &outcome(200, 13)),
        format!("10.0.0.1 - - {TIME} \"GET /path?q HTTP/1.1\" 200 13 \"-\" \"curl/8.1\"\n")
    );
    let mut again = line;
    again.clear();
    let request = with(request_of(Version::HTTP_2), "referer", b"http://a/");
    again.begin(&format("combined"), &subject(&request));
    assert_eq!(
        written(&again),
        format!("10.0.0.1 - - {TIME} \"GET /b HTTP/2.0\" 499 - \"http://a/\" \"-\"\n"),
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
    let line = begun_of("combined", &refused(&[b'"'; 5000]));
    assert!(written_of(&line, &outcome(414, 9)).ends_with("...\" 414 9 \"-\" \"-\"\n"));
}

#[test]
fn has_every_atom_of_gunicorn() {
    const TEXT: &str = "%(h)s %(l)s %(u)s %(r)s|%(m)s %(U)s %(q)s %(H)s %(s)s %(B)s %(b)s %(f)s \
        %(a)s|%({x-a}i)s %({x-b}o)s %({x-none}o)s %({HTTP_X_A}e)s %({path_info}e)s \
        %({raw_uri}e)s %({remote_port}e)s %({wsgi.url_scheme}e)s %({script_name}e)s 100%%";
    let mut request = request("/a%20b?q=1&token=2");
    for (name, value) in [
        ("authorization", "Basic YWxpY2U6c2VjcmV0"),
        ("referer", "http://a/?password=x"),
        ("user-agent", "a b"),
        ("x-a", "1"),
    ] {
        request = with(request, name, value.as_bytes());
    }
    let mut line = begun_of(TEXT, &subject(&request));
    let mut fields = HeaderMap::new();
    fields.insert("x-b", HeaderValue::from_static("2"));
    line.respond(&fields);
    let outcome = Outcome {
        is_https: true,
        ..outcome(200, 13)
    };
    assert_eq!(
        written_of(&line, &outcome),
        "10.0.0.1 - alice GET /a%20b?q=1&token=*** HTTP/1.1|GET /a%20b q=1&token=*** HTTP/1.1 200 \
         13 13 http://a/?password=*** a\\x20b|1 2 - 1 /a\\x20b /a%20b?q=1&token=*** 4711 https - \
         100%\n"
    );
    let line = begun_of(TEXT, &refused(b"GET /a?b HTTP/1.1"));
    assert_eq!(
        written(&line),
        "::1 - - GET /a?b HTTP/1.1|GET /a b HTTP/1.1 499 0 - - -|- - - - /a /a?b - http - 100%\n"
    );
}

#[test]
fn tells_times_and_the_worker() {
    const TEXT: &str = "%(T)s %(M)s %(D)s %(L)s %(queue_us)s %(app_us)s %(worker)s";
    let line = begun_of(TEXT, &subject(&request("/")));
    let outcome = Outcome {
        duration: Some(Duration::from_micros(2_025_100)),
        queue_time: Some(Duration::from_millis(20)),
        app_time: Some(Duration::from_millis(5)),
        worker: Some(3),
        ..outcome(200, 0)
    };
    assert_eq!(
        written_of(&line, &outcome),
        "2 2025 2025100 2.025100 20000 5000 3\n"
    );
    assert_eq!(written(&line), "- - - - - - -\n");
}

#[test]
fn json_has_a_value_for_each_field() {
    let mut request = with(request("/a?b=%22"), "user-agent", b"\"\xff\\");
    request = with(request, "host", b"example.org");
    request = with(request, "x-request-id", b"abc");
    let text = written_of(&begun_of("json", &subject(&request)), &outcome(200, 5));
    let (_, rest) = text.split_once("\"remote\"").expect("a field");
    let (before, after) = rest.split_once("\"duration_us\":").expect("a field");
    let (_, after) = after.split_once(',').expect("a field");
    assert_eq!(
        before,
        r#":"10.0.0.1","user":null,"method":"GET","scheme":"http","host":"example.org","path":"/a","query":"b=%22","protocol":"HTTP/1.1","status":200,"bytes":5,"referer":null,"user_agent":"\"\\xFF\\","#
    );
    let pid = std::process::id();
    assert_eq!(
        after,
        format!(
            r#""queue_us":null,"app_us":null,"worker":null,"pid":{pid},"request_id":"abc","trace_id":null,"tls_protocol":null,"tls_cipher":null}}"#
        ) + "\n"
    );
}

#[test]
fn secrets_are_masked_wherever_they_are_asked_for() {
    const TEXT: &str = "%({authorization}i)s %({cookie}i)s %({set-cookie}o)s %({http_cookie}e)s %({location}o)s %({x-none}i)s";
    let mut request = request("/");
    for name in ["authorization", "cookie"] {
        request = with(request, name, b"SECRET");
    }
    let mut line = begun_of(TEXT, &subject(&request));
    let mut fields = HeaderMap::new();
    fields.insert("set-cookie", HeaderValue::from_static("SECRET"));
    fields.insert("location", HeaderValue::from_static("/?token=SECRET"));
    line.respond(&fields);
    assert_eq!(written(&line), "*** *** *** *** /?token=*** -\n");
}

proptest! {
    #[test]
    fn no_client_forges_an_object(
        agent in prop::collection::vec(any::<u8>(), 0..100),
        user in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        use base64::Engine;
        let encoded = base64::engine::general_purpose::STANDARD.encode(user);
        let credentials = format!("Basic {encoded}");
        let mut request = request("/");
        for (name, value) in [("user-agent", &agent[..]), ("authorization", credentials.as_bytes())] {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                request.headers_mut().insert(name, value);
            }
        }
        let line = written(&begun_of("json", &subject(&request)));
        prop_assert!(line[..line.len() - 1].bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        // Without what is escaped, the quotes part the object into as many pieces as without a client.
        let bare = line.replace("\\\\", "").replace("\\\"", "");
        let quotes = bare.bytes().filter(|&byte| byte == b'"').count();
        let values = usize::from(!line.contains("\"user\":null")) + usize::from(!line.contains("\"user_agent\":null"));
        // The names, and time, remote, method, scheme, path and protocol.
        prop_assert_eq!(quotes, 2 * (22 + 6 + values));
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
