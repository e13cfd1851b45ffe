"""Errors with a stable code, of the app and of the client."""

from .errors import ERRORS


class MonodonError(Exception):
    """The app broke a rule of WSGI or of HTTP.

    `code` is stable, `blame` says who has to act, `hint` what to do.
    """

    def __init__(self, code, detail=None):
        message, self.hint, self.blame, self.status = ERRORS[code]
        super().__init__(message if detail is None else f"{message}: {detail}")
        self.code = code


class BodyBroken(OSError):
    """The request's body cannot be read any further, and what was read is not the whole."""

    def __init__(self, code):
        message, self.hint, self.blame, self.status = ERRORS[code]
        super().__init__(message)
        self.code = code


class ClientGone(BodyBroken, ConnectionError):
    """The client has gone: it gets no more of the response, and no more of its body comes."""


#: The error for each fault of a body (`BODY_FAULTS`).
_BROKEN = {
    "truncated": (ClientGone, "MONODON_BODY_TRUNCATED"),
    "malformed": (BodyBroken, "MONODON_BODY_MALFORMED"),
    "too-large": (BodyBroken, "MONODON_BODY_TOO_LARGE"),
    "timed-out": (BodyBroken, "MONODON_BODY_TIMED_OUT"),
    "aborted": (ClientGone, "MONODON_BODY_ABORTED"),
    "finished": (BodyBroken, "MONODON_BODY_FINISHED"),
}


def body_broken(fault):
    """The error to raise for a fault by its name."""
    kind, code = _BROKEN[fault]
    return kind(code)


def shown(value):
    """A short picture of what the app gave, on one line."""
    try:
        text = repr(value)
    except Exception:
        text = f"an object of class {type(value).__name__}"
    text = text.replace("\n", "\\n")
    return text if len(text) <= 80 else f"{text[:80]}..."
