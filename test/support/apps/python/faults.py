"""What an app can do wrong. Routes in LAWLESS break the rules of PEP 3333; the others only fail."""

import os
import signal
import sys
import time

import probe
from probe import AppFailure, number_of, text_of

PLAIN = ('Content-Type', 'text/plain')


def throw(environ, start_response):
    raise AppFailure('secret: thrown')


def throw_started(environ, start_response):
    start_response('200 OK', [PLAIN])
    raise AppFailure('secret: thrown after start_response')


def replaced(environ, start_response):
    """An error page in place of the head that was announced (PEP 3333, Error Handling)."""
    start_response('200 OK', [PLAIN])
    try:
        raise AppFailure('secret: caught')
    except AppFailure:
        start_response('503 Sorry', [PLAIN], sys.exc_info())
        return [b'sorry']


def break_off(environ, start_response):
    start_response('200 OK', [PLAIN])
    return breaking()


def breaking():
    try:
        yield b'begun'
        time.sleep(0.02)
        raise AppFailure('secret: broke off')
    finally:
        probe.note('closed')


class FailingClose:
    """A body whose close() fails."""

    def __init__(self):
        self._chunks = iter([b'who', b'le'])

    def __iter__(self):
        return self._chunks

    def close(self):
        probe.note('closed')
        raise AppFailure('secret: close failed')


def break_in_close(environ, start_response):
    start_response('200 OK', [PLAIN, ('Content-Length', '5')])
    return FailingClose()


def first_chunk_fails(environ, start_response):
    start_response('200 OK', [PLAIN])
    raise AppFailure('secret: no first chunk')
    yield b''


def twice(environ, start_response):
    start_response('200 OK', [PLAIN])
    start_response('201 Created', [PLAIN])
    return [b'twice']


def no_start(environ, start_response):
    return [b'never started']


def not_a_body(environ, start_response):
    start_response('200 OK', [PLAIN])
    return 7


def none_body(environ, start_response):
    start_response('200 OK', [PLAIN])
    return None


def text_chunk(environ, start_response):
    start_response('200 OK', [PLAIN])
    return ['text, not bytes']


def text_chunk_later(environ, start_response):
    start_response('200 OK', [PLAIN])
    yield b'begun'
    yield 'text, not bytes'


BAD_HEADS = {
    'status-int': (200, [PLAIN]),
    'status-bytes': (b'200 OK', [PLAIN]),
    'status-word': ('fine', [PLAIN]),
    'status-short': ('20', [PLAIN]),
    'status-1xx': ('100 Continue', [PLAIN]),
    'status-lf': ('200 OK\r\nX-Split: yes', [PLAIN]),
    'headers-dict': ('200 OK', {'Content-Type': 'text/plain'}),
    'headers-none': ('200 OK', None),
    'headers-list-item': ('200 OK', ['Content-Type: text/plain']),
    'name-int': ('200 OK', [(7, 'x')]),
    'name-space': ('200 OK', [('X Bad', 'x')]),
    'name-empty': ('200 OK', [('', 'x')]),
    'value-int': ('200 OK', [('Content-Length', 3)]),
    'value-bytes': ('200 OK', [('X-Bad', b'x')]),
    'value-lf': ('200 OK', [('X-Bad', 'a\r\nX-Split: yes')]),
    'value-nul': ('200 OK', [('X-Bad', 'a\0b')]),
    'value-euro': ('200 OK', [('X-Bad', '5 \u20ac')]),
    'length-word': ('200 OK', [('Content-Length', 'many')]),
    'length-negative': ('200 OK', [('Content-Length', '-1')]),
    'hop': ('200 OK', [('Transfer-Encoding', 'chunked')]),
}


def bad_head(environ, start_response):
    """`?what=` one of BAD_HEADS."""
    start_response(*BAD_HEADS[text_of(environ, 'what', '')])
    return [b'abc']


def hop(environ, start_response):
    start_response('200 OK', [('Transfer-Encoding', 'chunked')])
    return [b'hop']


def bad_field(environ, start_response):
    start_response('200 OK', [('X-Bad', 'a\r\nb: c')])
    return [b'bad']


def short(environ, start_response):
    start_response('200 OK', [PLAIN, ('Content-Length', '10')])
    return [b'x' * 5]


def long(environ, start_response):
    start_response('200 OK', [PLAIN, ('Content-Length', '5')])
    return [b'x' * 10]


def exits(environ, start_response):
    sys.exit('secret: exited')


def exits_begun(environ, start_response):
    start_response('200 OK', [PLAIN])
    yield b'begun'
    sys.exit('secret: exited')


def interrupts(environ, start_response):
    raise KeyboardInterrupt('secret: interrupted')


def never(environ, start_response):
    """Blocks its thread for good."""
    while True:
        time.sleep(3600)


def ruin(environ, start_response):
    """Ends its process, or keeps it busy for good: `?how=`."""
    how = text_of(environ, 'how', '')
    if how == 'exit':
        os._exit(7)
    if how == 'kill':
        os.kill(os.getpid(), signal.SIGKILL)
    if how == 'abort':
        os.abort()
    if how == 'loop':
        while True:
            pass
    start_response('200 OK', [PLAIN])
    return [b'survived']


def ruin_begun(environ, start_response):
    """Ends its process in the middle of a response, after `?after=` bytes."""
    start_response('200 OK', [PLAIN])
    yield b'x' * number_of(environ, 'after', 5)
    probe.wait_at_gate()
    os.kill(os.getpid(), signal.SIGKILL)


LAWLESS = {
    'twice': twice,
    'no-start': no_start,
    'not-a-body': not_a_body,
    'none': none_body,
    'text-chunk': text_chunk,
    'text-chunk-later': text_chunk_later,
    'first-chunk': first_chunk_fails,
    'bad-head': bad_head,
    'bad-field': bad_field,
    'hop': hop,
    'short': short,
    'long': long,
    'exits': exits,
    'exits-begun': exits_begun,
    'interrupts': interrupts,
    'never': never,
    'ruin': ruin,
    'ruin-begun': ruin_begun,
}
