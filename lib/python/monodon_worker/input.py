"""`wsgi.input`: the body of a request."""

from collections import deque

from . import records
from .faults import body_broken
from .layout import BODY_FAULTS, BODY_WINDOW_BYTES

#: Numbers of faults that an exchange gives to its body by itself.
ABORTED = BODY_FAULTS.index("aborted")
FINISHED = BODY_FAULTS.index("finished")
_ASK_AGAIN_BYTES = BODY_WINDOW_BYTES // 2


class _Stream:
    """What readers of binary streams look at before they read."""

    __slots__ = ()
    closed = False

    def readable(self):
        return True

    def writable(self):
        return False

    def seekable(self):
        return False

    def isatty(self):
        return False


class NoInput(_Stream):
    """The body of a request without one. It has no state, so one serves all."""

    __slots__ = ()

    def read(self, size=-1, /):
        return b""

    read1 = readline = read

    def readlines(self, hint=-1, /):
        return []

    def readinto(self, buffer, /):
        return 0

    readinto1 = readinto

    def __iter__(self):
        return iter(())


class Input(_Stream):
    """The body of one request, as a binary stream that is read once, front to back.

    A read waits for the client where it must. It raises `OSError` when the body has broken off, so
    that a part of it never looks like the whole, and when the response is over.
    """

    __slots__ = ("_asked", "_at", "_chunks", "_ended", "_exchange", "_fault", "_rest", "_used")

    def __init__(self, exchange, first, ended):
        self._exchange = exchange
        self._rest = first
        self._at = 0
        self._chunks = None
        self._ended = ended
        self._fault = None
        self._asked = False
        #: Bytes that came since more was last asked for.
        self._used = 0

    # -- what the app calls

    def read(self, size=-1, /):
        """Reads `size` bytes, fewer at the end; everything when it is negative or None."""
        if size is None or size < 0:
            return self._read_all()
        data = self._take(size)
        if len(data) == size:
            return data
        parts = [data]
        left = size - len(data)
        while left > 0 and self._next():
            data = self._take(left)
            left -= len(data)
            parts.append(data)
        return b"".join(parts)

    def read1(self, size=-1, /):
        """Reads what is here, at most `size` bytes; waits only when that is nothing."""
        if size == 0:
            return b""
        if self._at == len(self._rest) and not self._next():
            return b""
        return self._take(len(self._rest) if size is None or size < 0 else size)

    def readline(self, size=-1, /):
        """Reads up to the next line feed, at most `size` bytes of it."""
        left = -1 if size is None or size < 0 else size
        parts = []
        while left != 0 and (self._at < len(self._rest) or self._next()):
            feed = self._rest.find(b"\n", self._at)
            wanted = (len(self._rest) if feed == -1 else feed + 1) - self._at
            data = self._take(wanted if left < 0 else min(wanted, left))
            parts.append(data)
            if left > 0:
                left -= len(data)
            if data.endswith(b"\n"):
                break
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def readlines(self, hint=-1, /):
        """Reads lines until they have `hint` bytes; all of them when it is not positive."""
        lines = []
        total = 0
        while True:
            line = self.readline()
            if not line:
                return lines
            lines.append(line)
            total += len(line)
            if hint is not None and 0 < hint <= total:
                return lines

    def readinto(self, buffer, /):
        """Fills a buffer; gives the number of bytes, which is smaller only at the end."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def readinto1(self, buffer, /):
        """The same with what is here."""
        view = memoryview(buffer).cast("B")
        data = self.read1(len(view))
        view[: len(data)] = data
        return len(data)

    def __iter__(self):
        return self

    def __next__(self):
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    # -- what the exchange calls

    def push(self, data):
        """More has come."""
        if self._chunks is None:
            self._chunks = deque()
        self._chunks.append(data)

    def end(self):
        """The whole body has come."""
        self._ended = True

    def break_off(self, fault):
        """No more will come; `fault` is its number in `BODY_FAULTS`."""
        if fault == FINISHED:
            # What is left here must not outlive the response, or a late read would seem to succeed.
            self._rest = b""
            self._at = 0
            self._chunks = None
        elif self._ended:
            return
        if self._fault is None:
            self._fault = fault

    # -- inside

    def _read_all(self):
        parts = [self._take(len(self._rest))]
        while self._next():
            parts.append(self._take(len(self._rest)))
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _take(self, size):
        """Takes up to `size` bytes of those that are at hand."""
        rest = self._rest
        start = self._at
        end = start + size
        if start == 0 and end >= len(rest):
            self._rest = b""
            return rest
        data = rest[start:end]
        self._at = start + len(data)
        return data

    def _next(self):
        """Moves on to the next chunk, waiting for it. False at the end of the body."""
        while True:
            if self._chunks:
                self._rest = self._chunks.popleft()
                self._at = 0
                self._count(len(self._rest))
                return True
            if self._fault is not None:
                raise body_broken(BODY_FAULTS[self._fault])
            if self._ended:
                return False
            if not self._asked:
                self._asked = True
                self._want(BODY_WINDOW_BYTES)
            self._exchange.home.wait(self._exchange)

    def _count(self, size):
        """Asks for as much again as was used, half a window at a time."""
        if self._ended:
            return
        self._used += size
        if self._used >= _ASK_AGAIN_BYTES:
            self._want(self._used)
            self._used = 0

    def _want(self, size):
        self._exchange.home.add(records.want_body(self._exchange.id, size))
