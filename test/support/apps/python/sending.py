"""Routes that answer with files, through wsgi.file_wrapper."""

import gzip
import io
import os
import tempfile

import probe
from probe import number_of, text_of


class Watched(io.BytesIO):
    """Tells when it is closed."""

    def close(self):
        if not self.closed:
            probe.note('closed')
        super().close()


def open_file(environ):
    """`?kind=` what, with `?size=` bytes of the pattern, or of zeros if it is sparse."""
    kind = text_of(environ, 'kind', 'file')
    size = number_of(environ, 'size', 100_000)
    if kind == 'sparse':
        file = tempfile.TemporaryFile()
        file.truncate(size)
        return file
    content = probe.pattern(size)
    if kind == 'memory':
        return Watched(content)
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.write(gzip.compress(content) if kind == 'gzip' else content)
    try:
        if kind == 'gzip':
            return gzip.open(file.name)
        return open(file.name, 'rb', buffering=0 if kind == 'raw' else -1)
    finally:
        os.unlink(file.name)


def send_file(environ, start_response):
    """Sends it from `?at=` on. `?declared=` is its Content-Length, `?blocks=` the size of blocks."""
    file = open_file(environ)
    file.seek(number_of(environ, 'at', 0))
    declared = text_of(environ, 'declared', '')
    headers = [('Content-Type', 'application/octet-stream')]
    if declared != '':
        headers.append(('Content-Length', declared))
    start_response('200 OK', headers)
    return environ['wsgi.file_wrapper'](file, number_of(environ, 'blocks', 8192))


def truncate_file(environ, start_response):
    """The file loses its end after it was handed over, `?size=` bytes in all."""
    file = tempfile.TemporaryFile()
    size = number_of(environ, 'size', 50_000_000)
    file.truncate(size)
    start_response('200 OK', [
        ('Content-Type', 'application/octet-stream'),
        ('Content-Length', str(size)),
    ])
    body = environ['wsgi.file_wrapper'](file, 8192)
    close = body.close

    def truncate_and_close():
        file.truncate(100_000)
        close()

    body.close = truncate_and_close
    return body


def send_leftover(environ, start_response):
    """A file of which a part was read before: what is left follows."""
    file = open_file(environ)
    file.read(10)
    start_response('200 OK', [('Content-Type', 'application/octet-stream')])
    return environ['wsgi.file_wrapper'](file)
