"""A small Flask app: a text, a stream, an upload and a slow route."""

import hashlib
import time

from flask import Flask, request, stream_with_context

app = Flask(__name__)


@app.route("/")
def home():
    return "Hello from Flask!"


@app.route("/stream")
def stream():
    """Sends each line when it is ready: `curl -N localhost:8000/stream?lines=5`."""
    lines = request.args.get("lines", default=10, type=int)

    @stream_with_context
    def generate():
        for number in range(1, lines + 1):
            time.sleep(0.1)
            yield f"line {number} of {lines} for {request.remote_addr}\n"

    return generate(), {"Content-Type": "text/plain; charset=utf-8"}


@app.post("/upload")
def upload():
    """Reads a body of any size in pieces: `curl -T a.zip -X POST localhost:8000/upload`."""
    digest = hashlib.sha256()
    length = 0
    while piece := request.stream.read(65_536):
        digest.update(piece)
        length += len(piece)
    return {"bytes": length, "sha256": digest.hexdigest()}


@app.route("/slow")
def slow():
    """Waits as for a database. With `--threads 8` a worker runs eight of them at a time."""
    seconds = request.args.get("seconds", default=1.0, type=float)
    time.sleep(min(max(seconds, 0), 10))
    return f"That took {seconds} s.\n"
