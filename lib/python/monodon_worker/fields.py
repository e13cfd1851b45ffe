"""The head of a response: what the app gave `start_response`, checked and encoded."""

import re

from .faults import MonodonError, shown
from .layout import HEADER_CODES

#: PEP 3333: `NNN Reason`, without control characters. 1xx are not final responses.
_STATUS = re.compile(r"[2-9][0-9]{2} [\x20-\x7e\x80-\xff]*")
#: RFC 9110 section 5.6.2: token.
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
#: RFC 9110 section 5.5; what is outside latin1 cannot be sent at all.
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_DECIMAL = re.compile(r"[0-9]{1,15}")

#: Fields that are the server's (PEP 3333, "Other HTTP Features"; RFC 9110 section 7.6.1).
_HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
    )
)

_NO_CONTENT = 204
_NOT_MODIFIED = 304
_MAX_NAME = 0xFF
_MAX_VALUE = 0xFFFF
#: Bytes of all fields, so that a record always fits into a batch.
_MAX_BLOCK = 0x1FFFF

#: The reason phrases that the server gives by itself. Any other one travels in the block.
_REASONS = {
    200: "OK",
    201: "Created",
    202: "Accepted",
    204: "No Content",
    206: "Partial Content",
    301: "Moved Permanently",
    302: "Found",
    303: "See Other",
    304: "Not Modified",
    307: "Temporary Redirect",
    308: "Permanent Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    409: "Conflict",
    410: "Gone",
    429: "Too Many Requests",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}

#: Fields whose values hardly ever come back: they would fill the cache for nothing.
_CHANGING = frozenset(
    (
        "content-disposition",
        "content-range",
        "date",
        "etag",
        "expires",
        "last-modified",
        "link",
        "location",
        "server-timing",
        "set-cookie",
        "traceparent",
        "x-request-id",
    )
)
_MAX_CACHED = 512
_MAX_CACHED_BYTES = 512

#: Status line -> (code, block of the reason phrase, whether there is no body).
_statuses = {}
#: (name, value) -> encoded field.
_fields = {}
#: (name, value) of a content-length -> (encoded field, length).
_lengths = {}
#: (status line, fields) -> what `response_head` gave for it.
_heads = {}


def response_head(status, fields):
    """Checks and encodes a head: `(status, block, length, bodiless)`.

    `length` is the content-length that the app declared, or -1; `bodiless` says that a response to
    GET with this status has no body (RFC 9110 section 6.4.1). Raises MonodonError.
    """
    if type(fields) is not list:
        return _encode_head(status, fields)
    key = status, *fields
    try:
        return _heads[key]
    except (KeyError, TypeError):
        head = _encode_head(status, fields)
    if len(head[1]) <= _MAX_CACHED_BYTES:
        _remember(_heads, key, head)
    return head


def _encode_head(status, fields):
    known = _statuses.get(status) if type(status) is str else None
    code, reason, bodiless = known or _encode_status(status)
    if not isinstance(fields, list):
        raise MonodonError("MONODON_APP_BAD_HEADERS", f"not a list: {shown(fields)}")
    length = -1
    blocks = [reason]
    for field in fields:
        try:
            block = _fields.get(field)
        except TypeError:
            raise _no_pair(field) from None
        if block is None:
            known = _lengths.get(field) or _encode_length(field)
            if known is None:
                block = _encode_field(field)
            elif length != -1:
                raise MonodonError("MONODON_APP_BAD_LENGTH", "set twice")
            else:
                block, length = known
                # A 204 has no content-length (RFC 9110 section 8.6).
                if code == _NO_CONTENT:
                    continue
        blocks.append(block)
    block = b"".join(blocks)
    if len(block) > _MAX_BLOCK:
        raise _too_large(block)
    return code, block, length, bodiless


def field_block(fields):
    """Encodes the fields of an informational response. Raises MonodonError."""
    if not isinstance(fields, list):
        raise MonodonError("MONODON_APP_BAD_HEADERS", f"not a list: {shown(fields)}")
    block = b"".join([_encode_field(field) for field in fields])
    if len(block) > _MAX_BLOCK:
        raise _too_large(block)
    return block


def length_field(length):
    """An encoded content-length."""
    value = str(length)
    return _encode("content-length", value)


def _encode_status(status):
    if not isinstance(status, str) or _STATUS.fullmatch(status) is None:
        raise MonodonError("MONODON_APP_BAD_STATUS", shown(status))
    code = int(status[:3])
    reason = status[4:]
    block = b""
    if reason and _REASONS.get(code) != reason:
        if len(reason) > _MAX_VALUE:
            raise MonodonError("MONODON_APP_BAD_STATUS", shown(status))
        block = _encode(":reason", reason)
    known = code, block, code in (_NO_CONTENT, _NOT_MODIFIED)
    if len(status) <= _MAX_CACHED_BYTES:
        _remember(_statuses, str(status), known)
    return known


def _encode_length(field):
    """What a content-length field says; None for other fields."""
    name, value = _pair(field)
    if len(name) != len("content-length") or name.lower() != "content-length":
        return None
    if _DECIMAL.fullmatch(value) is None:
        raise MonodonError("MONODON_APP_BAD_LENGTH", shown(value))
    known = _encode("content-length", value), int(value)
    # The short ones are those that come back.
    if len(_lengths) < _MAX_CACHED:
        _lengths[field] = known
    return known


def _encode_field(field):
    name, value = _pair(field)
    lower = name.lower()
    if _VALUE.fullmatch(value) is None or len(value) > _MAX_VALUE:
        raise MonodonError("MONODON_BAD_HEADER", f"value of {shown(name)}: {shown(value)}")
    if lower in _HOP_BY_HOP:
        raise MonodonError("MONODON_APP_HOP_BY_HOP", name)
    if _TOKEN.fullmatch(name) is None or len(name) > _MAX_NAME:
        raise MonodonError("MONODON_BAD_HEADER", f"name {shown(name)}")
    block = _encode(lower, value)
    if lower not in _CHANGING and len(block) <= _MAX_CACHED_BYTES:
        _remember(_fields, field, block)
    return block


def _pair(field):
    """The name and the value of a field, if it is a tuple of two strings."""
    if not isinstance(field, tuple) or len(field) != 2:
        raise _no_pair(field)
    name, value = field
    if not isinstance(name, str) or not isinstance(value, str):
        raise _no_pair(field)
    return name, value


def _too_large(block):
    return MonodonError(
        "MONODON_BAD_HEADER", f"the fields have {len(block)} bytes, {_MAX_BLOCK} are allowed"
    )


def _no_pair(field):
    return MonodonError("MONODON_APP_BAD_HEADERS", f"not a pair of str: {shown(field)}")


def _encode(lower, value):
    data = value.encode("latin-1")
    size = len(data).to_bytes(2, "little")
    code = HEADER_CODES.get(lower)
    if code is not None:
        return bytes((code,)) + size + data
    name = lower.encode("latin-1")
    return b"\0" + size + bytes((len(name),)) + name + data


def _remember(cache, key, value):
    """Keeps what is used again. Starting afresh is cheaper than knowing which is the oldest."""
    if len(cache) >= _MAX_CACHED:
        cache.clear()
    cache[key] = value
