"""The records that a worker sends, as bytes, and its head fields as a block."""

import json
import struct

from .layout import (
    KIND_CHUNK,
    KIND_DONE,
    KIND_END,
    KIND_FAIL,
    KIND_FILE,
    KIND_HEAD,
    KIND_INFORMATIONAL,
    KIND_RESPONSE,
    KIND_SAY,
    KIND_WANT_BODY,
)

_FOUR = struct.Struct("<4I").pack
_FIVE = struct.Struct("<5I").pack
#: A file record: offset and length are two words each, low and high.
_FILE = struct.Struct("<3I2Q").pack
#: Padding to a multiple of 4, by what a length leaves.
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")


def response(exchange, status, block, body):
    """A whole response."""
    bare = len(block) + len(body)
    padding = _PADDING[bare & 3]
    return b"".join(
        (
            _FIVE(
                20 + bare + len(padding),
                KIND_RESPONSE | status << 16,
                exchange,
                len(block),
                len(body),
            ),
            block,
            body,
            padding,
        )
    )


def head(exchange, status, block):
    """The head of a streamed response."""
    return _with_bytes(KIND_HEAD | status << 16, exchange, block)


def informational(exchange, status, block):
    """A 1xx response."""
    return _with_bytes(KIND_INFORMATIONAL | status << 16, exchange, block)


def chunk(exchange, data):
    """A piece of the body."""
    return _with_bytes(KIND_CHUNK, exchange, data)


def file(exchange, offset, length):
    """A part of the file whose descriptor goes with the batch."""
    return _FILE(28, KIND_FILE, exchange, offset, length)


def end(exchange):
    """The streamed response is complete."""
    return _FOUR(16, KIND_END, exchange, 0)


def fail(exchange, status):
    """The app has failed."""
    return _FOUR(16, KIND_FAIL | status << 16, exchange, 0)


def want_body(exchange, size):
    """Room for so many more bytes of the request's body."""
    return _FOUR(16, KIND_WANT_BODY, exchange, size)


def done(exchange):
    """An exchange that was aborted is forgotten."""
    return _FOUR(16, KIND_DONE, exchange, 0)


def say(message):
    """A message for the arbiter."""
    return _with_bytes(KIND_SAY, 0, json.dumps(message).encode())


def _with_bytes(first, exchange, data):
    padding = _PADDING[len(data) & 3]
    return b"".join(
        (_FOUR(16 + len(data) + len(padding), first, exchange, len(data)), data, padding)
    )
