use super::{COMBINED, Format, Secrets, Settings};

fn read(text: &str) -> Result<Format, String> {
    let settings = Settings {
        secrets: Secrets::default(),
        request_id: None,
    };
    Format::read(text, &settings)
}

#[test]
fn reads_every_atom_of_gunicorn() {
    let text = "%(h)s %(l)s %(u)s %(t)s %(r)s %(m)s %(U)s %(q)s %(H)s %(s)s %(B)s %(b)s %(f)s %(a)s \
        %(T)s %(D)s %(M)s %(L)s %(p)s %({X-A}i)s %({x-b}o)s %({HTTP_X}e)s %(B)d 100%%";
    assert!(read(text).is_ok());
    assert!(
        ["combined", "common", "json"]
            .map(read)
            .iter()
            .all(Result::is_ok)
    );
}

#[test]
fn looks_only_at_what_it_tells() {
    for (text, times) in [
        (COMBINED, false),
        ("common", false),
        ("%(h)s %(D)s", true),
        ("%(worker)s", false),
        ("%(queue_us)s", true),
        ("json", true),
    ] {
        let format = read(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!(format.needs_times, times, "{text}");
    }
}

#[test]
fn tells_what_is_wrong_with_a_format() {
    for (text, expected) in [
        ("combind", "did you mean combined?"),
        (
            "nothing",
            "it is neither combined, common, json nor a text with atoms such as %(h)s",
        ),
        (
            "%(statsu)s",
            "%(statsu)s is no atom; did you mean %(status)s?",
        ),
        ("%(R)s", "%(R)s is no atom; did you mean %(r)s?"),
        ("%(z)s", "%(z)s is no atom; there are h, l, u, "),
        ("%(h)", "%(h) is not followed by s"),
        ("%h %l", "a % is neither followed by (name)s nor doubled"),
        ("%(h", "a % is neither followed by (name)s nor doubled"),
        (
            "%({x}y)s",
            "%({x}y)s is no atom: %({name}i)s is a field of the request",
        ),
        ("%({x y}i)s", "{x y} is no name of a header field"),
        ("%({remote_add}e)s", "did you mean %({remote_addr}e)s?"),
        (
            "%({home}e)s",
            "is no variable that the server knows; there are content_length, ",
        ),
        ("%(h)s\n%(s)s", "it holds a control character"),
    ] {
        let Err(why) = read(text) else {
            panic!("{text} was read")
        };
        assert!(why.contains(expected), "{text}: {why}");
    }
}
