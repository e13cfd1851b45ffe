"""The conformance app as a WSGI application in Python. See test/support/apps/wsgi.ts.

Its routes run inside of wsgiref's validator, which checks the server and the app alike. Those that
break a rule on purpose (faults.py) do not.
"""

import json
import os
import sys
import time
from functools import partial
from wsgiref.validate import validator

import faults
import probe
import sending
from probe import number_of, text_of

PLAIN = ('Content-Type', 'text/plain')


def echo(environ, start_response):
    start_response('200 OK', [PLAIN])
    size = number_of(environ, 'piece', 1000)
    # read(size) waits for size bytes, as file objects do: a piece comes back when it is whole.
    return iter(partial(environ['wsgi.input'].read, size), b'')


def stream(environ, start_response):
    start_response('200 OK', [PLAIN])
    return chunks(
        number_of(environ, 'chunks', 4),
        number_of(environ, 'size', 1000),
        number_of(environ, 'gap', 0) / 1000,
    )


def chunks(count, size, gap):
    try:
        for index in range(count):
            if gap > 0:
                time.sleep(gap)
            probe.note('chunk')
            yield probe.stream_chunk(index, size)
    finally:
        probe.note('closed')


def endless(environ, start_response):
    start_response('200 OK', [PLAIN])
    return chunks(sys.maxsize, 1000, 0.001)


def send_bytes(environ, start_response):
    start_response('200 OK', [PLAIN])
    return [probe.pattern(number_of(environ, 'size', 10))]


def send_text(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain;charset=UTF-8')])
    return [probe.text(number_of(environ, 'size', 10)).encode()]


def empty(environ, start_response):
    start_response('200 OK', [PLAIN])
    return []


def status(environ, start_response):
    code = text_of(environ, 'code', '204')
    start_response(f'{code} Chosen', [] if code in ('204', '304') else [PLAIN])
    return []


def fields(environ, start_response):
    start_response('200 OK', [
        PLAIN,
        ('X-Latin', 'caf\xe9'),
        ('Server', 'mine'),
        ('Set-Cookie', 'a=1; Path=/'),
        ('Set-Cookie', 'b=2; Expires=Thu, 01 Jan 2032 00:00:00 GMT'),
    ])
    return [b'fields']


def early(environ, start_response):
    start_response('200 OK', [PLAIN])
    return [b'early']


def hints(environ, start_response):
    for _ in range(number_of(environ, 'times', 1)):
        environ['wsgi.early_hints']([('Link', probe.HINT)])
    start_response('200 OK', [PLAIN])
    return [b'hinted']


def length(environ, start_response):
    start_response('200 OK', [PLAIN, ('Content-Length', text_of(environ, 'declared', '5'))])
    return [b'', b'x' * number_of(environ, 'sent', 5)]


def write(environ, start_response):
    write = start_response('200 OK', [PLAIN])
    write(b'written, ')
    write(b'twice, ')
    return [b'returned']


def gate(environ, start_response):
    probe.wait_at_gate()
    start_response('200 OK', [PLAIN])
    return [b'open']


def sleep(environ, start_response):
    time.sleep(number_of(environ, 'ms', 10) / 1000)
    start_response('200 OK', [PLAIN])
    return [b'slept']


def sink(environ, start_response):
    delay = number_of(environ, 'delay', 0) / 1000
    received = 0
    for piece in iter(partial(environ['wsgi.input'].read, 65_536), b''):
        received += len(piece)
        time.sleep(delay)
    start_response('200 OK', [PLAIN])
    return [str(received).encode()]


def block(environ, start_response):
    print('the worker is blocked', file=sys.stderr, flush=True)
    return sleep(environ, start_response)


def pid(environ, start_response):
    start_response('200 OK', [PLAIN])
    return [str(os.getpid()).encode()]


def show_environ(environ, start_response):
    """The environ: its texts as they are, the type and value of everything else."""
    shown = {
        key: value if type(value) is str else [type(value).__name__, repr(value)]
        for key, value in environ.items()
    }
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps(shown).encode()]


def errors(environ, start_response):
    stream = environ['wsgi.errors']
    stream.write('one line\n')
    stream.writelines(['caf\xe9 ', 'and euro \u20ac\n'])
    stream.flush()
    start_response('200 OK', [PLAIN])
    return [b'logged']


def read_lines(environ, start_response):
    """Every way to read, one after another."""
    source = environ['wsgi.input']
    seen = {
        'read': source.read(3).decode(),
        'readline': source.readline().decode(),
        'short readline': source.readline(2).decode(),
        'iterated': next(iter(source)).decode(),
        'readlines': [line.decode() for line in source.readlines()],
        'at the end': [source.read(10).decode(), source.readline().decode(), source.readlines()],
    }
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps(seen).encode()]


def saw(environ, start_response):
    """Shows what the app saw, as JSON (`Seen` in test/support/apps/probe.ts)."""
    method, target = environ['REQUEST_METHOD'], environ['RAW_URI']
    body = b''.join(iter(partial(environ['wsgi.input'].read, 65_536), b''))
    probe.completed(method, target)
    seen = {
        'method': method,
        'target': target,
        'version': environ['SERVER_PROTOCOL'].replace('HTTP/', ''),
        'headers': fields_of(environ),
        'body': body.decode('latin-1'),
    }
    start_response('200 OK', [
        ('Content-Type', 'application/json'),
        ('X-Seen', f'{method} {target}'),
    ])
    return [json.dumps(seen).encode()]


def fields_of(environ):
    """The header fields of a request, by their names on the wire."""
    named = {
        'content-type': environ.get('CONTENT_TYPE', ''),
        'content-length': environ.get('CONTENT_LENGTH', ''),
    }
    found = {name: value for name, value in named.items() if value != ''}
    for key, value in environ.items():
        if key.startswith('HTTP_'):
            found[key[5:].lower().replace('_', '-')] = value
    return found


STREAMED = {
    'echo': echo,
    'stream': stream,
    'endless': endless,
    'length': length,
    'write': write,
    'file-in-blocks': sending.send_file,
    'break': faults.break_off,
    'break-in-close': faults.break_in_close,
}
# What returns a list: the server learns the length of the body from it.
WHOLE = {
    'bytes': send_bytes,
    'text': send_text,
    'empty': empty,
    'status': status,
    'fields': fields,
    'early': early,
    'hints': hints,
    'gate': gate,
    'sleep': sleep,
    'sink': sink,
    'block': block,
    'pid': pid,
    'environ': show_environ,
    'errors': errors,
    'lines': read_lines,
    'replaced': faults.replaced,
    'throw': faults.throw,
    'throw-started': faults.throw_started,
}


def in_full(app):
    """The app behind a validator, whose iterator has no length, with a list again."""
    def middleware(environ, start_response):
        body = app(environ, start_response)
        try:
            return list(body)
        finally:
            body.close()
    return middleware


# A validator around it hides the file wrapper from the server.
FILES = {
    'file': sending.send_file,
    'file-leftover': sending.send_leftover,
    'file-truncated': sending.truncate_file,
}
ROUTES = {
    **FILES,
    **{name: validator(route) for name, route in STREAMED.items()},
    **{name: in_full(validator(route)) for name, route in WHOLE.items()},
    **faults.LAWLESS,
}
OTHERWISE = in_full(validator(saw))


def app(environ, start_response):
    path, _ = probe.parse_target(environ['RAW_URI'])
    probe.called(environ['REQUEST_METHOD'], path)
    prefix, _, name = path.rpartition('/')
    if environ.get('HTTP_X_SHOW') == 'environ':
        route = ROUTES['environ']
    else:
        route = ROUTES.get(name, OTHERWISE) if prefix == '/route' else OTHERWISE
    return route(environ, start_response)
