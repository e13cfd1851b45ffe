# `app.mjs` in Python: the same answers, and what can ruin a worker that is a process.
import hashlib
import os
import time
from urllib.parse import parse_qs

from version import version

# Large enough not to ride in the record of the response.
LARGE_BYTES = 96 * 1024
CHUNKS = 8
CHUNK_BYTES = 2000


def fill(number, length):
    return bytes([number % 251]) * length


def chunks(number):
    for count in range(CHUNKS):
        time.sleep(0.002)
        yield fill(number + count, CHUNK_BYTES)


def upload(environ):
    digest = hashlib.sha1()
    while piece := environ["wsgi.input"].read(65_536):
        digest.update(piece)
    return [digest.hexdigest().encode()]


def released():
    while not os.path.exists("release"):
        time.sleep(0.01)


def hold(number):
    released()
    return [b"held %d" % number]


def pause(number):
    """In the middle of its answer."""
    yield b"paused "
    released()
    yield b"%d" % number


def loop():
    """In C, so that no other thread gets the interpreter."""
    sum(range(10**15))


DEEDS = {"exit": lambda: os._exit(7), "abort": os.abort, "loop": loop}


def ruin(how):
    """Does not come back."""
    with open("deeds", "a") as deeds:
        deeds.write(how + "\n")
    DEEDS[how]()


def body(environ):
    query = parse_qs(environ["QUERY_STRING"])
    number = int(query.get("id", ["0"])[0])
    path = environ["PATH_INFO"]
    if path == "/version":
        return [str(version).encode()]
    if path == "/small":
        return [b"small %d" % number]
    if path == "/upload":
        return upload(environ)
    if path == "/large":
        return [fill(number, LARGE_BYTES)]
    if path == "/stream":
        return chunks(number)
    if path == "/hold":
        return hold(number)
    if path == "/pause":
        return pause(number)
    return ruin(query["how"][0])


def app(environ, start_response):
    content = body(environ)
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return content
