"""What the test apps share: what a test watches, and the bytes that they send.

A test names two files in the environment. The app appends a line to TEST_EVENTS_FILE for
everything that the test wants to know, each by one write, so that threads and processes do not mix.
TEST_GATE_FILE grows by a byte whenever the gate is opened. Without them nobody watches.
"""

import os
import time
from urllib.parse import parse_qs
from wsgiref import validate

_EVENTS = os.environ.get('TEST_EVENTS_FILE')
_GATE = os.environ.get('TEST_GATE_FILE')
_file = None if _EVENTS is None else os.open(_EVENTS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

# What the route `hints` sends ahead.
HINT = '</style.css>; rel=preload; as=style'


def _tell(kind, text):
    if _file is not None:
        line = f'{kind} {text}'.replace('\n', ' ')
        os.write(_file, (line + '\n').encode('latin-1', 'backslashreplace'))


def called(method, path):
    """The app was called."""
    _tell('call', f'{method} {path}')


def completed(method, target):
    """The app has read the whole body."""
    _tell('complete', f'{method} {target}')


def note(event):
    """Something that a test waits for."""
    _tell('note', event)


def _gate_size():
    try:
        return os.stat(_GATE).st_size
    except FileNotFoundError:
        return 0


def wait_at_gate():
    """Comes back once the gate is opened after this call."""
    if _GATE is None:
        return
    before = _gate_size()
    note('at the gate')
    while _gate_size() == before:
        time.sleep(0.005)


def _assert_and_tell(condition, *args):
    """An assertion of the validator also reaches the test, wherever the exception ends up."""
    if not condition:
        _tell('breach', ' '.join(map(str, args)) or 'of a rule without a text')
        raise AssertionError(*args)


validate.assert_ = _assert_and_tell


class AppFailure(Exception):
    """What the routes that fail on purpose raise."""


def parse_target(target):
    """Path and query of a request target in any form."""
    scheme, found, rest = target.partition('://')
    if found and scheme.isalpha():
        at = min((i for i in (rest.find('/'), rest.find('?')) if i >= 0), default=len(rest))
        target = rest[at:]
    path, _, query = target.partition('?')
    return path, query


def number_of(environ, name, otherwise):
    """A number from the query."""
    return int(text_of(environ, name, otherwise))


def text_of(environ, name, otherwise):
    """A text from the query."""
    return parse_qs(environ['QUERY_STRING']).get(name, [otherwise])[0]


_PATTERN = bytes((i * 31 + (i >> 8)) & 0xFF for i in range(65_521))


def pattern(size):
    """`size` bytes that differ enough to show any that is lost, doubled or swapped."""
    return (_PATTERN * (size // len(_PATTERN) + 1))[:size]


def stream_chunk(index, size):
    """The `index`th chunk of `/route/stream`."""
    return bytes([97 + index % 26]) * size


def text(size):
    """A text of `size` characters, two of three of them longer than a byte in UTF-8."""
    return ('aé€' * (size // 3 + 1))[:size]
