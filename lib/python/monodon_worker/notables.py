"""Tells the server what is logged that somebody is to see: warnings and errors, the worker's and the app's.

They are told by a thread of their own, which there is from the first of them on: whoever logs is not held
up, in a handler of a signal neither.
"""

import os
import sys
import threading
import time
from queue import Empty, SimpleQueue

from . import log
from .records import say

#: The least time between two messages.
_EVERY_SECONDS = 0.2
#: Entries in a message; of others only their number is told.
_MOST = 10
#: Characters of a text. In JSON one has at most 12 bytes, and a message has to fit into a batch.
_TEXT_LENGTH = 2000
#: Levels of `logging`.
_WARNING, _ERROR, _CRITICAL = 30, 40, 50


class Notables:
    """Those of one worker."""

    def __init__(self, channel):
        self._channel = channel
        #: Of pairs: what an entry is counted by, and the entry if it is told. Its `put` may be interrupted
        #: by another one.
        self._heard = SimpleQueue()
        self._is_running = False
        self._is_over = False
        # A child that the app forks has nobody to tell.
        os.register_at_fork(after_in_child=self._stop)

    def hear_log(self):
        """Hears what the worker itself logs from now on."""
        log.hear_entries(self._hear)

    def hear_logging(self):
        """Hears what the app gives to Python's `logging`, if that is loaded, whatever becomes of it there.

        The factory of records is wrapped, since handlers would change what other handlers and
        `basicConfig` do.
        """
        logging = sys.modules.get("logging")
        if logging is None:
            return
        make = logging.getLogRecordFactory()

        def make_and_hear(*args, **fields):
            record = make(*args, **fields)
            # Records that are only copied have no level here.
            if isinstance(record.levelno, int) and record.levelno >= _WARNING:
                self._hear_record(record)
            return record

        logging.setLogRecordFactory(make_and_hear)

    def end(self):
        """Tells the rest."""
        self._is_over = True
        self._tell()

    def _stop(self):
        self._is_over = True

    def _hear_record(self, record):
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            kind = "exception"
        elif record.levelno >= _CRITICAL:
            kind = "critical"
        else:
            kind = "error" if record.levelno >= _ERROR else "warning"
        self._hear(kind, lambda: _text_of(record, error))

    def _hear(self, kind, text_of):
        if self._is_over:
            return
        entry = None
        if self._heard.qsize() < _MOST:
            level = "warning" if kind == "warning" else "error"
            entry = {"at": time.time(), "level": level, "text": _shown(text_of)}
        self._heard.put((kind, entry))
        if not self._is_running:
            self._is_running = True
            try:
                threading.Thread(target=self._run, name="monodon-log", daemon=True).start()
            except RuntimeError:
                # The interpreter is ending: `end` tells it.
                self._is_running = False

    def _run(self):
        while not self._is_over:
            first = self._heard.get()
            self._tell(first)
            time.sleep(_EVERY_SECONDS)

    def _tell(self, *heard):
        heard = list(heard)
        try:
            while True:
                heard.append(self._heard.get_nowait())
        except Empty:
            pass
        if not heard:
            return
        counts = dict.fromkeys(("critical", "error", "exception", "warning"), 0)
        for kind, _ in heard:
            counts[kind] += 1
        entries = [entry for _, entry in heard if entry is not None][-_MOST:]
        self._channel.tell(say({"type": "logged", "counts": counts, "entries": entries}))


def _text_of(record, error):
    text = f"{record.name}: {record.getMessage()}"
    return text if error is None else f"{text}\n{log.format_error(error)}"


def _shown(text_of):
    """What is shown of an entry; it never raises: the app may have given `logging` anything."""
    try:
        return log.clean(text_of()[:_TEXT_LENGTH])[:_TEXT_LENGTH]
    except Exception:
        return "an entry that cannot be shown"
