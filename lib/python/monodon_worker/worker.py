"""What workers with one thread and with several have in common: records in, messages out."""

import json
import os
import random
import struct
import threading

from . import log, records
from .environ import Environs
from .exchange import Exchange
from .files import FileWrapper
from .input import Input, NoInput
from .layout import (
    ENVIRON_BYTES,
    FLAG_BODY_FOLLOWS,
    FLAG_OVER,
    KIND_ABORT,
    KIND_BODY_BROKEN,
    KIND_ENVIRON,
    KIND_STOP,
    KIND_TELL,
)

#: The words of an environ record before its text; fewer of other records.
_RECORD = struct.Struct(f"<{ENVIRON_BYTES}I").unpack_from
_NAMES_AT = 4 * ENVIRON_BYTES
#: Where the bytes of the other records begin.
_BYTES_AT = 16


class Worker:
    """Reads batches and makes exchanges of their requests."""

    #: Makes the queue by which the reading thread passes events to the thread of an exchange.
    mailbox = None

    def __init__(self, channel, app, options, facts, errors):
        self.channel = channel
        self.app = app
        self.dev = options["dev"]
        self.log_path = options["errorLogfile"]
        #: Set by `stop`: no request follows.
        self.stopping = False
        #: Whether a `take` is unanswered.
        self.is_open = False
        #: Requests until the worker is spent; negative when it never is, or has said so.
        self.until_spent = options["maxRequests"] + (
            random.randint(0, options["maxRequestsJitter"]) if options["maxRequests"] else -1
        )
        #: With what is the same in the environ of all requests.
        base = {
            "SERVER_NAME": facts["serverName"],
            "SERVER_PORT": str(facts["serverPort"]),
            "wsgi.version": (1, 0),
            "wsgi.input": NoInput(),
            "wsgi.errors": errors,
            "wsgi.multithread": options["threads"] > 1,
            "wsgi.multiprocess": facts["multiprocess"],
            "wsgi.run_once": False,
            "wsgi.file_wrapper": FileWrapper,
            "wsgi.input_terminated": True,
            "wsgi.early_hints": self.early_hints,
        }
        self.environs = Environs(base)

    def requests(self, data, count):
        """Goes through the records of a batch: gives `(exchange, environ)` for each request."""
        known = self.environs.known
        mailbox = self.mailbox
        answers_take = True
        at = 0
        for _ in range(count):
            size, first, id, value, value_bytes, body, _, _ = _RECORD(data, at)
            if first & 0xFF == KIND_ENVIRON:
                start = at + _NAMES_AT
                middle = start + value
                end = middle + value_bytes
                try:
                    cuts, template, fill = known[data[start:middle]]
                except KeyError:
                    cuts, template, fill = self.environs.learn(data[start:middle])
                environ = template.copy()
                fill(environ, data[middle:end].decode("latin-1").split("\0", cuts))
                exchange = Exchange(self, id, data, at)
                follows = first >> 8 & FLAG_BODY_FOLLOWS
                if body or follows:
                    exchange.input = environ["wsgi.input"] = Input(
                        exchange, data[end : end + body], not follows
                    )
                if mailbox is not None:
                    exchange.mailbox = mailbox()
                if answers_take:
                    answers_take = False
                    self.is_open = False
                yield exchange, environ
            else:
                self._other(first, id, value, data, at + _BYTES_AT)
            at += size

    def _other(self, first, id, value, data, at):
        kind = first & 0xFF
        if kind == KIND_STOP:
            self.stop(value)
        elif kind == KIND_TELL:
            self._told(json.loads(data[at : at + value]))
        else:
            self.event(
                id, kind, first, value, data[at : at + value] if kind < KIND_BODY_BROKEN else b""
            )

    def _told(self, message):
        if message.get("type") == "reopenLogs" and self.log_path not in ("", "-"):
            log.reopen(self.log_path)

    def count(self, requests):
        """Counts requests; says once that the worker has served as many as it should."""
        if self.until_spent >= 0:
            self.until_spent -= requests
            if self.until_spent <= 0:
                self.until_spent = -1
                self.add(records.say({"type": "spent"}))

    def stop(self, milliseconds):
        """No request follows. What is held when the time is up is given up, as is a slow exit."""
        self.stopping = True
        timer = threading.Timer(milliseconds / 1000, os._exit, (0,))
        timer.daemon = True
        timer.start()


def ends_exchange(kind, first):
    """Whether the server forgets the exchange with this record."""
    return kind == KIND_ABORT or (kind == KIND_BODY_BROKEN and bool(first >> 8 & FLAG_OVER))
