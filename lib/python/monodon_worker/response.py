"""The response to one request: the rules of PEP 3333, and the records that come of it."""

from . import records
from .faults import MonodonError, body_broken, shown
from .fields import field_block, length_field, response_head
from .files import FileWrapper, part_of_file
from .input import FINISHED
from .layout import AHEAD_BYTES
from .log import log_error

#: The head was not sent.
FRESH = 0
#: The head was sent, and perhaps some of the body.
STREAMING = 1
#: The record that ends the exchange was sent.
OVER = 2
#: The server has ended it because the client has gone; `done` is owed.
ABORTED = 3
#: The server has ended it because the client has its whole response; `done` is owed.
COMPLETE = 4

#: Bytes of a body up to which a response is one record.
WHOLE_BYTES = 131_000
#: Bytes of a record from which it does not wait for other answers.
LARGE_BYTES = 32_768
#: Bytes of a chunk record.
_PIECE_BYTES = 65_536
#: Bytes of a file up to which it is cheaper to read it than to hand it over.
_READ_BYTES = 32_768


class Response:
    """What the app calls to answer, and the ways of the body that it returns.

    The part of an exchange that speaks to the client; see `Exchange` for the rest.
    """

    __slots__ = (
        "at",
        "data",
        "head",
        "home",
        "id",
        "input",
        "is_mute",
        "is_reported",
        "left",
        "length",
        "mailbox",
        "state",
        "undrained",
    )

    def __init__(self, home, id, data, at):
        self.home = home
        self.id = id
        #: The batch and where its record begins, for what is seldom asked.
        self.data = data
        self.at = at
        self.state = FRESH
        #: What `start_response` was last given (`response_head`).
        self.head = None
        #: The body of the request, if there is one.
        self.input = None

    # -- what the app calls

    def start_response(self, status, response_headers, exc_info=None):
        """Takes the head of the response (PEP 3333); gives `write`. Raises MonodonError."""
        if exc_info:
            try:
                if self.state == STREAMING or self.state == OVER:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self.head is not None:
            raise MonodonError("MONODON_APP_STARTED_TWICE")
        self.head = response_head(status, response_headers)
        return self.write

    def write(self, data):
        """Sends a piece of the body. Raises ClientGone when there is nobody to get it."""
        if not isinstance(data, bytes):
            raise MonodonError("MONODON_APP_BAD_CHUNK", shown(data))
        if self.state == OVER:
            raise MonodonError("MONODON_APP_WRITE_ENDED")
        if not data:
            return
        if self.state == FRESH:
            self._start()
        self._chunk(data)
        self.home.flush()
        self.home.poll(self)
        if self.state == ABORTED:
            raise body_broken("aborted")

    def early_hints(self, headers):
        """Sends a 103 response, while the response itself has not begun. Raises MonodonError."""
        block = field_block(headers)
        if self.state == FRESH:
            self.home.add(records.informational(self.id, 103, block))
            self.home.flush()

    # -- the ways of a body

    def _send(self, body):
        if type(body) is list or type(body) is tuple:
            for data in body:
                if not isinstance(data, bytes):
                    raise MonodonError("MONODON_APP_BAD_CHUNK", shown(data))
            self._send_whole(body)
        elif isinstance(body, (bytes, str, dict)) or body is None:
            # Iterating over these gives no chunks.
            raise MonodonError("MONODON_APP_BAD_BODY", shown(body))
        elif type(body) is not FileWrapper or not self._send_file(body):
            self._iterate(body)

    def _iterate(self, body):
        """Sends each chunk before the next is asked for (PEP 3333, "Buffering and Streaming")."""
        try:
            iterator = iter(body)
        except TypeError as error:
            raise MonodonError("MONODON_APP_BAD_BODY", shown(body)) from error
        is_single = _has_length_one(body)
        home = self.home
        for data in iterator:
            if not isinstance(data, bytes):
                raise MonodonError("MONODON_APP_BAD_CHUNK", shown(data))
            if data:
                if self.state == FRESH and self._fits(data, is_single):
                    self._send_whole((data,))
                elif self.state == FRESH or self.state == STREAMING:
                    if self.state == FRESH:
                        self._start()
                    self._chunk(data)
                elif self.state == OVER:
                    self._too_long(len(data))
                if self.state == OVER:
                    home.complete()
                else:
                    home.flush()
            home.poll(self)
            if self.state >= ABORTED or (self.state == STREAMING and self.is_mute):
                break
        if self.state == FRESH:
            self._send_whole(())
        elif self.state == STREAMING:
            self._finish()

    def _fits(self, data, is_single):
        """Whether a first chunk is the whole body."""
        if self.head is None:
            raise MonodonError("MONODON_APP_NOT_STARTED")
        _, _, length, bodiless = self.head
        size = len(data)
        if bodiless or size > WHOLE_BYTES or self._is_head():
            return False
        return size == length or (length == -1 and is_single)

    def _send_whole(self, chunks):
        """Sends a body of which all is known."""
        if self.state == STREAMING:
            self._send_chunks(chunks)
            return
        if self.state != FRESH:
            return
        if self.head is None:
            raise MonodonError("MONODON_APP_NOT_STARTED")
        status, block, length, bodiless = self.head
        size = sum(map(len, chunks))
        if bodiless or self._is_head():
            self._send_bodiless(0 if bodiless else size)
            return
        self.length = size
        if size < length:
            raise self._wrong_length()
        if size <= WHOLE_BYTES:
            data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
            if length != -1 and size > length:
                self._report_length()
                data = data[:length]
            self.home.add(records.response(self.id, status, block, data))
            self._over()
        else:
            if length == -1:
                self.head = status, block + length_field(size), size, bodiless
            self._start()
            self._send_chunks(chunks)
        if size > LARGE_BYTES:
            self.home.flush(True)

    def _send_chunks(self, chunks):
        """Ends a streamed response with these chunks."""
        for data in chunks:
            if data:
                self._chunk(data)
        if self.state == STREAMING:
            self._finish()

    def _send_bodiless(self, size):
        """Answers HEAD, 204 or 304; `size` is the length that the body would have, 0 if unknown."""
        status, block, length, _ = self.head
        if length == -1 and size:
            block += length_field(size)
        if length != -1 or size or status == 204:
            self.home.add(records.response(self.id, status, block, b""))
        else:
            # A whole response would have the length 0.
            self.home.add(records.head(self.id, status, block))
            self.home.add(records.end(self.id))
        self._over()

    def _send_file(self, body):
        """Hands a plain file to the server. False when it has to be read instead."""
        part = part_of_file(body.filelike) if self.state == FRESH else None
        if part is None or self.head is None:
            return False
        descriptor, offset, size = part
        status, block, length, bodiless = self.head
        if bodiless or self._is_head():
            self._send_bodiless(0 if bodiless else size)
            return True
        if size == 0:
            # A file of /proc has the size 0 and yet something to read.
            return False
        if length == -1:
            block += length_field(size)
        elif length > size:
            self.length = size
            raise self._wrong_length()
        else:
            size = length
        if 0 < size <= _READ_BYTES:
            data = body.filelike.read(size)
            if not isinstance(data, bytes) or len(data) != size:
                self.length = len(data)
                raise self._wrong_length()
            self.home.add(records.response(self.id, status, block, data))
        elif size == 0:
            self.home.add(records.response(self.id, status, block, b""))
        else:
            ending = (
                records.head(self.id, status, block),
                records.file(self.id, offset, size),
                records.end(self.id),
            )
            self.home.add_file(ending, descriptor)
        self._over()
        self.home.complete()
        return True

    # -- a streamed response

    def _start(self):
        """Begins a streamed response."""
        if self.head is None:
            raise MonodonError("MONODON_APP_NOT_STARTED")
        status, block, length, bodiless = self.head
        self.is_mute = bodiless or self._is_head()
        self.left = length
        self.length = 0
        self.is_reported = False
        self.undrained = 0
        self.state = STREAMING
        self.home.add(records.head(self.id, status, block))

    def _chunk(self, data):
        """Adds to a streamed response, as soon as there is room."""
        if self.is_mute or self.state != STREAMING:
            return
        size = len(data)
        if self.left != -1:
            self.length += size
            if size > self.left:
                self._report_length()
                data = data[: self.left]
                size = self.left
            self.left -= size
        if size <= _PIECE_BYTES:
            self._piece(data, size)
            return
        view = memoryview(data)
        for at in range(0, size, _PIECE_BYTES):
            piece = view[at : at + _PIECE_BYTES]
            self._piece(piece, len(piece))
            self.home.flush()

    def _piece(self, data, size):
        while self.state == STREAMING and self.undrained + size > AHEAD_BYTES:
            self.home.wait(self)
        if self.state == STREAMING and size:
            self.undrained += size
            self.home.add(records.chunk(self.id, data))

    def _finish(self):
        """The body has ended."""
        if self.left > 0 and not self.is_mute:
            raise self._wrong_length()
        self.home.add(records.end(self.id))
        self._over()

    def _over(self):
        self.state = OVER
        if self.input is not None:
            self.input.break_off(FINISHED)

    # -- checks

    def _too_long(self, size):
        """A chunk came after a response that was complete."""
        self.length += size
        self._report_length()

    def _report_length(self):
        """Logs once that the body is longer than was declared; what is too much is not sent."""
        if getattr(self, "is_reported", False):
            return
        self.is_reported = True
        method, target = self.request_line()
        log_error(self._wrong_length(), method, target)

    def _wrong_length(self):
        declared = self.head[2]
        said = "len() of the body is 1" if declared == -1 else f"declared {declared} bytes"
        more = "at least " if getattr(self, "is_reported", False) else ""
        detail = f"{said}, gave {'more' if declared == -1 else f'{more}{self.length}'}"
        return MonodonError("MONODON_CONTENT_LENGTH_MISMATCH", detail)


def _has_length_one(body):
    if not hasattr(type(body), "__len__"):
        return False
    try:
        return len(body) == 1
    except Exception:
        return False
