"""The slow-peer routes for Python: as many bytes, in pieces of the same size, as in payload.mjs."""

import time

KB = 1024
FEED_PIECE = b"x" * (64 * KB)
FEED_BYTES = 200 * KB * KB


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/feed":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return feed()
    body = sink(environ["wsgi.input"]) if path == "/sink" else b"Hello, World!"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def feed():
    """The pieces of a 200 MB download."""
    for _ in range(FEED_BYTES // len(FEED_PIECE)):
        yield FEED_PIECE


def sink(body):
    """Reads a body slowly, about 40 MB/s; gives its length."""
    length = 0
    pause_at = KB * KB
    while piece := body.read(64 * KB):
        length += len(piece)
        if length >= pause_at:
            pause_at += KB * KB
            time.sleep(0.025)
    return str(length).encode()
