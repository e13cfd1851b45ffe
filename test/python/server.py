"""The server's end of the worker protocol, for tests: starts a worker and speaks to it."""

import array
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import textwrap

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGE = os.path.join(ROOT, "lib", "python")
sys.path.insert(0, PACKAGE)

from monodon_worker import layout

OPTIONS = {
    "threads": 1,
    "pythonpath": [],
    "maxRequests": 0,
    "maxRequestsJitter": 0,
    "errorLogfile": "",
    "logLevel": "info",
    "logFormat": "text",
    "dev": False,
    "gracefulTimeout": 30_000,
}
FACTS = {"serverName": "127.0.0.1", "serverPort": "8000", "multiprocess": False}
_CODES = {code: name for name, code in layout.HEADER_CODES.items()}
_KINDS = {
    value: name[5:].lower() for name, value in vars(layout).items() if name.startswith("KIND_")
}
#: Seconds after which a wait counts as a failure.
PATIENCE = float(os.environ.get("PATIENCE", 20))


def record(kind, exchange, words=(), data=b"", flags=0, aux=0):
    """A record as bytes."""
    size = 12 + 4 * len(words) + len(data)
    padding = -size & 3
    head = struct.pack(
        f"<{3 + len(words)}I", size + padding, kind | flags << 8 | aux << 16, exchange, *words
    )
    return head + data + bytes(padding)


def batch(*records, take=0):
    """Records with the head of a batch."""
    data = b"".join(records)
    return struct.pack("<3I", len(data), len(records), take) + data


def request(
    exchange, method="GET", path="/", query="", fields=(), body=b"", follows=False, length=None
):
    """An environ record. `length` is that of the whole body, None when it is as `body` says."""
    names = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "QUERY_STRING": query,
        "RAW_URI": path.replace("\0", "%00") + ("?" + query if query else ""),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.1",
        "REMOTE_PORT": "4242",
        "wsgi.url_scheme": "http",
        **dict(fields),
        "PATH_INFO": path,
    }
    named = "\0".join(names).encode("latin-1")
    values = "\0".join(names.values()).encode("latin-1")
    total = len(body) if length is None else length
    unknown = follows and length is None
    low, high = (0xFFFFFFFF, 0xFFFFFFFF) if unknown else (total & 0xFFFFFFFF, total >> 32)
    return record(
        layout.KIND_ENVIRON,
        exchange,
        (len(named), len(values), len(body), low, high),
        named + values + body,
        flags=layout.FLAG_BODY_FOLLOWS if follows else 0,
    )


class Record:
    """A record from the worker."""

    def __init__(self, data):
        size, first, self.exchange = struct.unpack_from("<3I", data)
        assert size == len(data), "the record has not the size that it says"
        self.kind = _KINDS[first & 0xFF]
        self.flags = first >> 8 & 0xFF
        self.status = first >> 16
        self.fields = []
        self.body = b""
        self.value = 0
        if self.kind == "response":
            block, body = struct.unpack_from("<2I", data, 12)
            self.fields = decode_block(data[20 : 20 + block])
            self.body = data[20 + block : 20 + block + body]
            assert size == (20 + block + body + 3) & ~3, "a response of a wrong size"
        elif self.kind == "file":
            self.offset, self.length = struct.unpack_from("<2Q", data, 12)
        else:
            (self.value,) = struct.unpack_from("<I", data, 12)
            if self.kind in ("head", "informational", "chunk", "say", "end"):
                assert size == (16 + self.value + 3) & ~3, f"a {self.kind} of a wrong size"
                self.body = data[16 : 16 + self.value]
            if self.kind in ("head", "informational"):
                self.fields = decode_block(self.body)
            if self.kind == "say":
                self.message = json.loads(self.body)

    @property
    def headers(self):
        return dict(self.fields)

    def __repr__(self):
        return f"<{self.kind} {self.exchange} {self.status} {self.fields} {self.body[:60]!r}>"


def decode_block(block):
    """The fields of a header block."""
    fields = []
    at = 0
    while at < len(block):
        code, size = struct.unpack_from("<BH", block, at)
        at += 3
        if code == 0:
            length = block[at]
            name = block[at + 1 : at + 1 + length].decode("latin-1")
            at += 1 + length
        else:
            name = _CODES[code]
        fields.append((name, block[at : at + size].decode("latin-1")))
        at += size
    assert at == len(block), "a header block that is cut"
    return fields


class Server:
    """A worker process and the server's end of its socket."""

    def __init__(self, source="", app="app:app", folder=None, facts=None, python=None, **options):
        self._temporary = None
        if folder is None:
            self._temporary = tempfile.TemporaryDirectory()
            folder = self._temporary.name
            with open(os.path.join(folder, "app.py"), "w") as file:
                file.write(textwrap.dedent(source))
        self.folder = folder
        self.errors_path = os.path.join(folder, "stderr.txt")
        ours, theirs = socket.socketpair()
        self.socket = ours
        self.socket.settimeout(PATIENCE)

        def hand_over():
            os.dup2(theirs.fileno(), 3)
            os.set_inheritable(3, True)

        with open(self.errors_path, "ab") as errors, theirs:
            self.process = subprocess.Popen(
                [python or sys.executable, PACKAGE, app],
                # All other descriptors are closed by exec.
                close_fds=False,
                preexec_fn=hand_over,
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        self.buffer = b""
        self.descriptors = []
        #: Requests that the worker has asked for, and records that no test has looked at.
        self.takes = []
        self.records = []
        #: What it has told of its log.
        self.logged = []
        self.batches = 0
        self.last_id = 0
        self.start = {
            "type": "start",
            "layout": layout.LAYOUT_VERSION,
            "app": app,
            "name": "worker-1",
            "options": {**OPTIONS, **options},
            "facts": {**FACTS, **(facts or {})},
        }

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process.stdout.close()
            if self._temporary is not None:
                self._temporary.cleanup()

    # -- to the worker

    def send(self, *records):
        self.socket.sendall(batch(*records))

    def tell(self, message):
        data = json.dumps(message).encode()
        self.send(record(layout.KIND_TELL, 0, (len(data),), data))

    def boot(self):
        """Starts the app; gives itself once the worker is ready and has taken."""
        self.tell(self.start)
        ready = self.next("say")
        assert ready.message["type"] == "ready", ready.message
        self.ready = ready.message
        self.wait_take()
        return self

    def request(self, *args, **kwargs):
        """Sends one request when the worker has taken; gives its id."""
        self.wait_take()
        made = request(self.last_id + 1, *args, **kwargs)
        self.takes.clear()
        self.last_id += 1
        self.send(made)
        return self.last_id

    def open_gate(self):
        """Makes the file that an app may wait for."""
        with open(os.path.join(self.folder, "gate"), "w"):
            pass

    def body(self, exchange, data, end=True):
        """Sends some of a body."""
        records = [record(layout.KIND_BODY_CHUNK, exchange, (len(data),), data)] if data else []
        if end:
            records.append(record(layout.KIND_BODY_END, exchange, (0,)))
        self.send(*records)

    def drain(self, exchange, size):
        self.send(record(layout.KIND_DRAIN, exchange, (size,)))

    def abort(self, exchange, flags=0):
        self.send(record(layout.KIND_ABORT, exchange, flags=flags))

    def stop(self, milliseconds=10_000):
        self.send(record(layout.KIND_STOP, 0, (milliseconds,)))

    # -- from the worker

    def receive(self):
        """Waits for a batch, which goes to `records` and `takes`."""
        while True:
            if len(self.buffer) >= 12:
                size, count, take = struct.unpack_from("<3I", self.buffer)
                assert size <= layout.BATCH_BYTES, "a batch that is too large"
                if len(self.buffer) >= 12 + size:
                    break
            self._read()
        data, self.buffer = self.buffer[12 : 12 + size], self.buffer[12 + size :]
        at = 0
        for _ in range(count):
            (length,) = struct.unpack_from("<I", data, at)
            found = Record(data[at : at + length])
            # They come whenever they like.
            is_of_log = found.kind == "say" and found.message["type"] == "logged"
            (self.logged if is_of_log else self.records).append(found)
            at += length
        assert at == len(data), "a batch of a wrong size"
        if take:
            assert not self.takes, "a second take while one is open"
            self.takes.append(take)
        self.batches += 1
        return count, take

    def _read(self):
        room = array.array("i").itemsize * 16
        data, ancillary, _, _ = self.socket.recvmsg(1 << 20, socket.CMSG_SPACE(room))
        for _level, _kind, raw in ancillary:
            fds = array.array("i")
            fds.frombytes(raw)
            self.descriptors.extend(fds)
        if not data:
            raise EOFError("the worker has ended: " + self.errors())
        self.buffer += data

    def wait_take(self):
        while not self.takes:
            self.receive()
        return self.takes[0]

    def next(self, kind=None, exchange=None):
        """Waits for the next record, which must be of this kind and of this exchange."""
        while not self.records:
            self.receive()
        found = self.records.pop(0)
        assert kind is None or found.kind == kind, f"{found} instead of {kind}; {self.errors()}"
        assert exchange is None or found.exchange == exchange, f"{found} instead of {exchange}"
        return found

    def get(self, *args, **kwargs):
        """A request and its whole response, however it is given: (status, headers, body)."""
        return self.response(self.request(*args, **kwargs))

    def response(self, exchange):
        first = self.next(exchange=exchange)
        if first.kind == "fail":
            return first.status, None, None
        if first.kind == "response":
            return first.status, first.headers, first.body
        assert first.kind == "head", first
        body = b""
        while True:
            found = self.next(exchange=exchange)
            if found.kind == "chunk":
                body += found.body
                self.drain(exchange, len(found.body))
            elif found.kind == "end":
                return first.status, first.headers, body
            elif found.kind == "fail":
                return first.status, first.headers, None
            else:
                raise AssertionError(f"{found} in a streamed response")

    def errors(self):
        """What the worker has written to standard error."""
        with open(self.errors_path) as file:
            return file.read()

    def exit(self):
        """The exit code, once the worker has ended."""
        return self.process.wait(PATIENCE)
