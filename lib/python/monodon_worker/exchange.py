"""One request that the worker holds, from its record to the end of its response."""

import struct

from . import records
from .faults import BodyBroken, MonodonError
from .fields import field_block
from .input import ABORTED as FAULT_ABORTED
from .input import FINISHED as FAULT_FINISHED
from .layout import (
    ENVIRON_BYTES,
    ENVIRON_NAME_BYTES,
    ENVIRON_VALUE_BYTES,
    FLAG_COMPLETE,
    FLAG_OVER,
    KIND_ABORT,
    KIND_BODY_BROKEN,
    KIND_BODY_CHUNK,
    KIND_BODY_END,
    KIND_DRAIN,
)
from .log import is_of_client, log_error
from .response import ABORTED, COMPLETE, FRESH, LARGE_BYTES, OVER, STREAMING, WHOLE_BYTES, Response

_NAMES_AT = 4 * ENVIRON_BYTES
_WORD = struct.Struct("<I").unpack_from
#: The values begin with the method; the fourth is the target.
_HEAD = b"HEAD\0"

_respond = records.response


class Exchange(Response):
    """One request. The thread that runs it does all that is done with it."""

    __slots__ = ()

    def answer(self, body):
        """Answers with what the app returned, and closes it. Raises nothing."""
        if type(body) is list and len(body) == 1 and self.head is not None and self.state == FRESH:
            data = body[0]
            if type(data) is bytes:
                status, block, length, bodiless = self.head
                size = len(data)
                if (length == size or length == -1) and 0 < size <= LARGE_BYTES and not bodiless:
                    self.state = OVER
                    self.home.add(_respond(self.id, status, block, data))
                    if self.input is not None:
                        self.input.break_off(FAULT_FINISHED)
                    return
        close = None
        try:
            close = getattr(body, "close", None)
            self._send(body)
        except BaseException as error:
            self.fail(error)
        if close is not None:
            self._close(close)
        self.settle()

    def fail(self, error):
        """The app has failed: the client gets a 500, or sees the response cut. Raises nothing."""
        method, target = self.request_line()
        log_error(error, method, target)
        if self.state == FRESH or self.state == STREAMING:
            # An error of the worker's own may say which; else it is the app's failure.
            status = (_is_ours(error) and error.status) or 500
            if self.state == FRESH and self.home.dev and not is_of_client(error):
                self._explain(error, status)
            else:
                self.home.add(records.fail(self.id, status))
            self._over()
        self.settle()

    def _explain(self, error, status):
        """Answers with the error (`--dev`)."""
        from .explain import explain  # Only needed to explain a failure.

        fields, body = explain(self._names_and_values(), error, status)
        self.home.add(_respond(self.id, status, field_block(fields), body[:WHOLE_BYTES]))

    def settle(self):
        """Gives the id back when the server has ended the exchange by itself."""
        if self.state == ABORTED or self.state == COMPLETE:
            self.state = OVER
            self.home.add(records.done(self.id))

    def request_line(self):
        """Method and target, for the log."""
        method, _, _, target, _ = self.data[self._values_at() :].split(b"\0", 4)
        return method.decode("latin-1"), target.decode("latin-1")

    def _names_and_values(self):
        """What the record says of the request, as CGI names it."""
        values_at = self._values_at()
        names = self.data[self.at + _NAMES_AT : values_at].decode("latin-1").split("\0")
        size = _WORD(self.data, self.at + 4 * ENVIRON_VALUE_BYTES)[0]
        values = self.data[values_at : values_at + size].decode("latin-1")
        return dict(zip(names, values.split("\0", len(names) - 1)))

    def _values_at(self):
        return self.at + _NAMES_AT + _WORD(self.data, self.at + 4 * ENVIRON_NAME_BYTES)[0]

    def _close(self, close):
        try:
            close()
        except BaseException as error:
            method, target = self.request_line()
            log_error(error, method, target)

    def _is_head(self):
        return self.data.startswith(_HEAD, self._values_at())

    # -- what the server says

    def event(self, kind, first, value, data):
        """Takes a record of this exchange: its first word after the size, and what follows."""
        if kind == KIND_DRAIN:
            if self.state == STREAMING:
                self.undrained -= value
        elif kind == KIND_BODY_CHUNK:
            if self.input is not None:
                self.input.push(data)
        elif kind == KIND_BODY_END:
            if self.input is not None:
                self.input.end()
        elif kind == KIND_BODY_BROKEN:
            if self.input is not None:
                self.input.break_off(first >> 16)
            if first >> 8 & FLAG_OVER:
                self._abandon(ABORTED)
        elif kind == KIND_ABORT:
            self._abandon(COMPLETE if first >> 8 & FLAG_COMPLETE else ABORTED)

    def _abandon(self, state):
        if self.state != OVER:
            self.state = state
            if self.input is not None:
                self.input.break_off(FAULT_ABORTED if state == ABORTED else FAULT_FINISHED)


def _is_ours(error):
    return isinstance(error, (MonodonError, BodyBroken))
