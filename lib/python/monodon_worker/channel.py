"""The socket to the server: whole batches in both directions."""

import os
import signal
import socket
import struct
import sys
import threading

from .layout import BATCH_BYTES, KIND_FILE

_HEAD = struct.Struct("<3I")
_HEAD_BYTES = _HEAD.size
#: A reader may unpack the longest fixed part of a record wherever one begins; so many bytes lie
#: behind the last record.
_MARGIN = 32
_FLUSH_SECONDS = 1


class ServerGone(Exception):
    """The server has stopped or is gone, and the worker holds nothing that it wants."""


class Channel:
    """Blocking reads and writes of batches. One thread reads; any may write, in turns."""

    __slots__ = ("_buffer", "_have", "_is_idle", "_socket", "_turn", "_view")

    def __init__(self, connection):
        connection.set_inheritable(False)
        # A non-blocking socket may have been handed over.
        connection.setblocking(True)
        self._socket = connection
        self._turn = threading.Lock()
        self._buffer = bytearray(_HEAD_BYTES + BATCH_BYTES + _MARGIN)
        self._view = memoryview(self._buffer)
        self._have = 0
        self._is_idle = False
        # A child that the app forks must neither answer nor keep the connection open.
        os.register_at_fork(after_in_child=connection.close)

    def receive_idle(self):
        """As `receive`, for a worker that holds nothing. Raises ServerGone."""
        self._is_idle = True
        batch = self.receive()
        self._is_idle = False
        return batch

    def receive(self):
        """Waits for the next batch; gives its records, with a margin behind, and their number."""
        while self._have < _HEAD_BYTES:
            self._read(0)
        size, count, _ = _HEAD.unpack_from(self._buffer)
        end = _HEAD_BYTES + size
        if size > BATCH_BYTES:
            leave(1)
        while self._have < end:
            self._read(0)
        data = bytes(self._view[_HEAD_BYTES : end + _MARGIN])
        rest = self._have - end
        if rest:
            self._buffer[:rest] = self._buffer[end : self._have]
        self._have = rest
        return data, count

    def is_ready(self):
        """Whether a whole batch is here, so that `receive` will not wait."""
        while not self.holds_batch():
            try:
                self._read(socket.MSG_DONTWAIT)
            except BlockingIOError:
                return False
        return True

    def fileno(self):
        """The descriptor, to wait for what has not been read."""
        return self._socket.fileno()

    def holds_batch(self):
        """Whether a whole batch has been read from the socket."""
        have = self._have
        return have >= _HEAD_BYTES and have >= _HEAD_BYTES + _HEAD.unpack_from(self._buffer)[0]

    def _read(self, flags):
        try:
            got = self._socket.recv_into(self._view[self._have :], 0, flags)
        except ConnectionError:
            got = 0
        if got == 0:
            if self._is_idle:
                raise ServerGone
            leave()
        self._have += got

    def send(self, records, take, descriptors=()):
        """Sends records as one batch, or as several where they are too many for one.

        The descriptors, at most `BATCH_FILES`, go with the records that need them (`SCM_RIGHTS`).
        """
        data = b"".join(records)
        if len(data) <= BATCH_BYTES:
            self._send(_HEAD.pack(len(data), len(records), take) + data, descriptors)
            return
        last = 0
        size = 0
        for at, record in enumerate(records):
            if size + len(record) > BATCH_BYTES:
                files = sum(record[4] == KIND_FILE for record in records[last:at])
                self.send(records[last:at], 0, descriptors[:files])
                descriptors = descriptors[files:]
                last = at
                size = 0
            size += len(record)
        self.send(records[last:], take, descriptors)

    def tell(self, record):
        """Sends a record by itself. It does not matter if the server has gone."""
        try:
            with self._turn:
                self._socket.sendall(_HEAD.pack(len(record), 1, 0) + record)
        except OSError:
            pass

    def _send(self, data, descriptors):
        try:
            with self._turn:
                if descriptors:
                    sent = socket.send_fds(self._socket, [data], descriptors)
                    data = memoryview(data)[sent:]
                if data:
                    self._socket.sendall(data)
        except ConnectionError:
            leave()


def leave(status=0):
    """Ends the process at once, as it must when the server has gone.

    What the app has printed is written, if that takes no longer than a second.
    """
    try:
        # Only the main thread may set a handler; the default action of SIGALRM ends the process.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_FLUSH_SECONDS)
    except ValueError:
        os._exit(status)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # there is nobody left to be told
            pass
    os._exit(status)
