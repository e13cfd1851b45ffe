"""`--dev`: what a developer sees of an app that failed. Imported when the first one does.

The pages are those of `lib/dev`, which has the style of both.
"""

import json
import linecache
import os
import platform
import re
import site
import sysconfig
import traceback
from html import escape as escape_markup
from http import HTTPStatus

from .faults import BodyBroken, MonodonError
from .load import CannotLoad
from .log import CONTROL, format_error, is_noise
from .page_style import MASK, SECRET, STYLE

#: Errors of a chain, frames of a stack, characters of a message and of a line: at most.
_MAX_CHAIN = 10
_MAX_FRAMES = 60
_MAX_MESSAGE = 20_000
_MAX_COLUMNS = 400
#: Frames of the app that are shown with the code around them, and how many lines of it.
_SHOWN_FRAMES = 4
_AROUND = 5
_HERE = '<span class="here">'
#: Of the package that this one is a part of.
_MANIFEST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../package.json")
_SECRET = re.compile(SECRET, re.IGNORECASE)
#: What reorders the text around it, so that code would not read as it is written.
_BIDI = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_TYPES = {
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "text": "text/plain; charset=utf-8",
}
_SAFETY = (
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
    ("Vary", "Accept"),
)
#: Folders of packages that were installed, and of what comes with Python.
_PACKAGES = tuple(
    {
        os.path.join(folder, "")
        for folder in (
            *site.getsitepackages(),
            site.getusersitepackages(),
            sysconfig.get_path("stdlib"),
            sysconfig.get_path("purelib"),
            sysconfig.get_path("platlib"),
        )
    }
)


class Broken:
    """A WSGI app in place of one that cannot be loaded: answers with the reason, where it may."""

    def __init__(self, failure, dev):
        self.failure = failure
        self.dev = dev

    def __call__(self, environ, start_response):
        if self.dev:
            fields, body = explain(environ, self.failure, 500)
        else:
            fields = [("Content-Type", _TYPES["text"])]
            body = b"The app cannot be loaded. The log of the server says why.\n"
        start_response("500 Internal Server Error", fields)
        return [body]


def explain(environ, error, status):
    """Header fields and body of the answer: HTML, JSON or text, whichever the client prefers."""
    form = preferred_format(environ.get("HTTP_ACCEPT", ""))
    try:
        text = _RENDER[form](environ, error, status)
    except Exception:
        # What was raised may have attributes that raise.
        form, text = "text", "The error cannot be shown. See the log.\n"
    return [("Content-Type", _TYPES[form]), *_SAFETY], text.encode("utf-8", "backslashreplace")


def preferred_format(accept):
    """What a client would rather read (RFC 9110 section 12.5.1): only who names HTML gets it."""
    best = {"html": 0.0, "json": 0.0, "text": 0.0}
    for item in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in item.split(";"))
        if kind in ("text/html", "application/xhtml+xml"):
            form = "html"
        elif re.fullmatch(r"application/(?:[^/]+\+)?json", kind):
            form = "json"
        elif kind == "text/plain":
            form = "text"
        else:
            continue
        best[form] = max(best[form], _quality(parameters))
    if best["html"] > 0 and best["html"] == max(best.values()):
        return "html"
    return "json" if best["json"] > 0 and best["json"] >= best["text"] else "text"


def _quality(parameters):
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return min(max(float(parameter[2:]), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


# -- what went wrong


class _Fault:
    """One thing that was raised."""

    def __init__(self, error, is_cause):
        self.name = type(error).__qualname__
        self.message = _message(error)
        self.code = getattr(error, "code", "") if _is_ours(error) else ""
        self.hint = getattr(error, "hint", "") if _is_ours(error) else ""
        self.frames = _frames(error)
        self.lead = "Caused by" if is_cause else "While handling"

    @property
    def headline(self):
        return f"{self.name}: {self.message}" if self.message else self.name


class _Frame:
    def __init__(self, file, line, caller):
        self.file = file
        self.line = line
        self.caller = caller
        self.is_own = not file.startswith(_PACKAGES) and not file.startswith("<")

    def __str__(self):
        relative = os.path.relpath(self.file) if os.path.isabs(self.file) else self.file
        place = self.file if relative.startswith("..") else relative
        return f"{place}:{self.line} in {self.caller}"


def _chain(error):
    """The error, what caused it, and so on."""
    faults, seen = [], set()
    is_cause = False
    while error is not None and id(error) not in seen and len(faults) < _MAX_CHAIN:
        seen.add(id(error))
        faults.append(_Fault(error, is_cause))
        cause = error.__cause__ or getattr(error, "raised", None)
        is_cause = cause is not None
        error = cause or (None if error.__suppress_context__ else error.__context__)
    return faults


def _message(error):
    if isinstance(error, CannotLoad):
        text = error.what or str(error)
    elif isinstance(error, SyntaxError) and error.filename:
        text = f"{error.msg} ({os.path.basename(error.filename)}, line {error.lineno})"
    elif isinstance(error, KeyError):
        text = ", ".join(map(repr, error.args))
    else:
        text = str(error)
    return text[:_MAX_MESSAGE]


def _frames(error):
    """The frames from the innermost on, as a browser's reader wants them."""
    found = [
        _Frame(frame.filename, frame.lineno or 0, frame.name)
        for frame in traceback.extract_tb(error.__traceback__)
        if not is_noise(frame.filename)
    ]
    if isinstance(error, SyntaxError) and error.filename:
        found.append(_Frame(error.filename, error.lineno or 0, "<module>"))
    return found[: -_MAX_FRAMES - 1 : -1]


def _is_ours(error):
    return isinstance(error, (MonodonError, BodyBroken, CannotLoad))


def _fields(environ):
    """The header fields of a request; secrets are masked."""
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            name = key[5:].replace("_", "-").lower()
        elif key in ("CONTENT_TYPE", "CONTENT_LENGTH") and value:
            name = key.replace("_", "-").lower()
        else:
            continue
        yield name, MASK if _SECRET.search(name) else value


def _request_line(environ):
    return f"{environ.get('REQUEST_METHOD', '')} {environ.get('RAW_URI', '')}"


def _reason(status):
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _versions():
    return {
        "monodon": _own_version(),
        platform.python_implementation(): platform.python_version(),
    }


def _own_version():
    try:
        with open(_MANIFEST, encoding="utf-8") as file:
            return json.load(file)["version"]
    except (OSError, ValueError, KeyError):
        return "of an unknown version"


# -- how it is shown


def _text(environ, error, status):
    # The text of a failure to load has it all.
    shown = _printable(str(error) if isinstance(error, CannotLoad) else format_error(error))
    return f"{shown}\n"


def _json(environ, error, status):
    shown = None
    for fault in reversed(_chain(error)):
        parts = {
            "name": fault.name,
            "message": fault.message,
            "code": fault.code,
            "hint": fault.hint,
            "stack": [str(frame) for frame in fault.frames],
            "cause": shown,
        }
        shown = {key: value for key, value in parts.items() if value not in ("", None)}
    method, target = _request_line(environ).split(" ", 1)
    page = {
        "status": status,
        "reason": _reason(status),
        "error": shown,
        "request": {"method": method, "target": target, "headers": list(_fields(environ))},
        "versions": _versions(),
    }
    return json.dumps(page, indent=2) + "\n"


def _html(environ, error, status):
    chain = _chain(error)
    title = f"{status} {_reason(status)}: {chain[0].headline}".split("\n", 1)[0]
    request = _request_line(environ)
    protocol = environ.get("SERVER_PROTOCOL", "")
    rows = [("", f"{request} {protocol}"), *_fields(environ)]
    table = "\n".join(
        f"<tr><th>{_escape(name)}</th><td>{_escape(value)}</td></tr>" for name, value in rows
    )
    versions = ", ".join(_escape(f"{name} {version}") for name, version in _versions().items())
    sections = "\n".join(_section(fault, index) for index, fault in enumerate(chain))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_escape(title)}</title>
<style>
{STYLE}
</style>
</head>
<body>
<main>
<p class="dim">{status} {_escape(_reason(status))} <code>{_escape(request)}</code></p>
{sections}
<details>
<summary>Request</summary>
<table>
{table}
</table>
</details>
<footer class="dim">{versions}. This page is there because of <code>--dev</code>.</footer>
</main>
</body>
</html>
"""


def _section(fault, index):
    first, *more = fault.headline.split("\n")
    if index == 0:
        parts = [f"<h1>{_escape(first)}</h1>"]
    else:
        parts = [f"<h2>{fault.lead} {_escape(first)}</h2>"]
    if more:
        lines = "".join(f"<span>{_escape(line)}</span>" for line in more)
        parts.append(f"<figure>\n<pre>{lines}</pre>\n</figure>")
    if fault.code:
        parts.append(f"<p><code>{_escape(fault.code)}</code> To do: {_escape(fault.hint)}</p>")
    own = [frame for frame in fault.frames if frame.is_own]
    parts += [_figure(frame) for frame in own[:_SHOWN_FRAMES]]
    if fault.frames:
        lines = "".join(
            f'<span class="{"own" if frame.is_own else "dim"}">{_escape(str(frame))}</span>'
            for frame in fault.frames
        )
        parts.append(f"<details>\n<summary>Stack</summary>\n<pre>{lines}</pre>\n</details>")
    return "\n".join(part for part in parts if part)


def _figure(frame):
    linecache.checkcache(frame.file)
    lines = linecache.getlines(frame.file)
    if not 1 <= frame.line <= len(lines):
        return ""
    first = max(1, frame.line - _AROUND)
    shown = "".join(
        (_HERE if number == frame.line else "<span>")
        + f"<i>{number}</i>{_escape(line.rstrip()[:_MAX_COLUMNS])}</span>"
        for number, line in enumerate(lines[first - 1 : frame.line + _AROUND], first)
    )
    return f"<figure>\n<figcaption>{_escape(str(frame))}</figcaption>\n<pre>{shown}</pre>\n</figure>"


def _printable(text):
    text = CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text.replace("\r\n", "\n"))
    return _BIDI.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _escape(text):
    return escape_markup(_printable(text))


_RENDER = {"html": _html, "json": _json, "text": _text}
