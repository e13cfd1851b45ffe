"""The error log: entries on standard error, in the format of the server's: Gunicorn's, or JSON."""

import importlib
import json
import os
import re
import select
import time
import traceback
from datetime import datetime, timezone

from .errors import ERRORS
from .faults import BodyBroken, ClientGone, MonodonError
from .page_style import SECRET_PARAMETER

_RANK = {"debug": 0, "info": 1, "warning": 2, "error": 3, "critical": 4}
#: What clients do wrong is their everyday noise; the rest needs somebody.
_LEVEL_OF_BLAME = {"client": "info"}
_STDERR = 2
_MAX_RETRIES = 10
_RETRY_SECONDS = 0.02
#: Control characters could forge entries or drive a terminal: only line feeds and tabs pass.
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
#: Query parameters that hold secrets: no log has their values.
_PARAMETER = re.compile(r"([?&;](?:" + SECRET_PARAMETER + r')=)[^&;#\s"]+', re.IGNORECASE)
_IMPORTLIB = importlib.__file__
#: As frames name it, which need not be absolute.
_OWN_FOLDER = os.path.dirname(__file__) + os.sep

_threshold = _RANK["info"]
_is_json = False
_heard = None


def set_level(level):
    """Sets what is logged (`log-level`); `info` until then."""
    global _threshold
    _threshold = _RANK.get(level, _threshold)


def set_format(name):
    """Sets how entries are written (`log-format`); `text` until then."""
    global _is_json
    _is_json = name == "json"


def hear_entries(hear):
    """Has `hear` know of each warning and error that is written from now on.

    It gets the kind (`warning`, `error`, `critical`, or `exception`: an error with its traceback), and a
    function that gives the text.
    """
    global _heard
    _heard = hear


def log(level, message):
    """Writes one entry. In text further lines of `message` are indented."""
    if _RANK[level] < _threshold:
        return
    _write_entry(level, message)
    _tell(level, message)


def log_error(error, method, target):
    """Logs anything that was raised while a request was answered, in one entry.

    What is no error of the worker's own was raised by the app (`MONODON_APP_THREW`); its traceback
    follows. A client that has left is nobody's error: that is logged at `debug`.
    """
    if is_of_client(error):
        log("debug", f"{method} {masked(target)}: {masked(summary(error))}")
        return
    if isinstance(error, (MonodonError, BodyBroken)):
        code, hint, blame, message = error.code, error.hint, error.blame, str(error)
        # The entry says all but the place in the app.
        trace = _app_frames(error)
    else:
        code = "MONODON_APP_THREW"
        what, hint, blame, _ = ERRORS[code]
        message = f"{what}: {summary(error)}"
        trace = format_error(error)
    level = _LEVEL_OF_BLAME.get(blame, "error")
    if _RANK[level] < _threshold:
        return
    trace = "" if blame == "client" else masked(trace)
    target, message = masked(target), masked(message)
    head = f"{code} {method} {target}: {message} (blame: {blame}; to do: {hint})"
    text = f"{head}\n{trace}" if trace else head
    _tell("exception" if trace else level, text)
    if _is_json:
        fields = {"code": code, "method": method, "target": target, "blame": blame, "hint": hint}
        _write_json(level, message, {**fields, "stack": trace} if trace else fields)
        return
    _write_entry(level, text)


def masked(text):
    """A text without the values of query parameters that hold secrets."""
    return _PARAMETER.sub(r"\1***", text)


def clean(text):
    """A text as it stands in the log."""
    return _indented(masked(text))


def _tell(kind, text):
    if _heard is not None and _RANK.get(kind, _RANK["error"]) >= _RANK["warning"]:
        _heard(kind, lambda: text)


def is_of_client(error):
    """Whether an error is, or came of, the client's leaving."""
    seen = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, ClientGone):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def summary(error):
    """One line about an error."""
    try:
        text = "".join(traceback.format_exception_only(type(error), error))
    except Exception:
        text = type(error).__name__
    lines = [line for line in text.splitlines() if line.strip()]
    # A syntax error shows its place first.
    found = [line for line in lines if line.startswith(type(error).__name__)]
    return (found or lines or [type(error).__name__])[0]


def format_error(error):
    """The traceback with the causes, without frames of the worker and of the import machinery.

    Where there are no others, the frames are those of a fault in the worker itself.
    """
    return _format(error, keeps_own=True)


def format_load_error(error):
    """The same for an error while the app is loaded, which may have no place in the app."""
    return _format(error, keeps_own=False)


def _format(error, keeps_own):
    try:
        shown = traceback.TracebackException(type(error), error, error.__traceback__)
        if not _cut_frames(shown) and not keeps_own:
            return "".join(shown.format_exception_only()).rstrip("\n")
        return "".join(shown.format()).rstrip("\n")
    except Exception:
        return f"{type(error).__name__}, which cannot be shown"


def _app_frames(error):
    """The places in the app at which an error of the worker's own was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    kept = [frame for frame in frames if not is_noise(frame.filename)]
    return "".join(traceback.format_list(kept)).rstrip("\n")


def _cut_frames(shown):
    """Cuts the frames that are not the app's, and says whether any are left."""
    kept = [frame for frame in shown.stack if not is_noise(frame.filename)]
    if kept:
        shown.stack[:] = kept
    for other in (shown.__cause__, shown.__context__, *(getattr(shown, "exceptions", None) or ())):
        if other is not None:
            _cut_frames(other)
    return bool(kept)


def is_noise(file):
    """Whether a frame is the worker's own, or the import machinery's."""
    return file.startswith((_OWN_FOLDER, "<frozen importlib")) or file == _IMPORTLIB


def reopen(path):
    """Writes to the file of this path from now on: the one that it had was moved away."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        log(
            "error", f"cannot open the error log again, so that it goes on in the old file: {error}"
        )
        return
    os.dup2(descriptor, _STDERR)
    if descriptor != _STDERR:
        os.close(descriptor)


def _write_entry(level, message):
    if _is_json:
        _write_json(level, message, {})
        return
    stamp = time.strftime("%Y-%m-%d %H:%M:%S %z")
    _write(f"[{stamp}] [{os.getpid()}] [{level.upper()}] {_indented(message)}\n")


def _indented(message):
    text = CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", message.replace("\r\n", "\n"))
    return text.replace("\n", "\n    ")


def _write_json(level, message, fields):
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    entry = {"time": now.replace("+00:00", "Z"), "level": level, "pid": os.getpid()}
    # In ASCII, so that no terminal is driven by it; DEL is the one character that stands for itself.
    text = json.dumps({**entry, "message": message, **fields}, separators=(",", ":"))
    _write(text.replace("\x7f", "\\u007f") + "\n")


def _write(entry):
    data = entry.encode("utf-8", "backslashreplace")
    for _ in range(_MAX_RETRIES):
        try:
            # One write keeps the entries of several processes apart.
            data = data[os.write(_STDERR, data) :]
            if not data:
                return
        except BlockingIOError:
            # Another process has made the shared pipe non-blocking, and it is full.
            select.select((), (_STDERR,), (), _RETRY_SECONDS)
        except OSError:
            # The log must not stop the worker.
            return
