"""The worker with one thread: it runs requests in their order."""

import os
from time import perf_counter

from . import records
from .files import close_all
from .layout import BATCH_FILES, BATCH_RECORDS
from .worker import Worker, ends_exchange

#: Work of one batch, in seconds: requests behind a slow one wait for it. It is as long as so many
#: calls, within bounds: to hand over answers wakes the server, which costs as much as a short call.
_BATCH_CALLS = 8
_LEAST_BATCH_SECONDS = 0.0005
_MOST_BATCH_SECONDS = 0.002
#: An answer waits for this part of a batch for its neighbours.
_PAUSE = 0.4
#: What an app may do after its response is complete, in seconds, before the response is sent. An app
#: that has taken longer gets its responses sent at once, for a while.
_TAIL_SECONDS = 0.01
_STRICT_SECONDS = 10.0
#: A call that took this long, in seconds, held back its neighbours: one at a time for a while.
_BLOCKED_SECONDS = 0.02
_CAUTION_SECONDS = 1.0
#: While a response is streamed, the socket is looked at this often, in seconds.
_POLL_SECONDS = 0.005
#: Weight of the latest batch in the mean.
_WEIGHT = 0.1


class SerialWorker(Worker):
    """Takes a batch, runs its requests, answers; reads more only when one of them has to wait."""

    def __init__(self, channel, app, options, facts, errors):
        super().__init__(channel, app, options, facts, errors)
        self.out = []
        #: Adds a record to the answers.
        self.add = self.out.append
        #: Descriptors of the files among them, in their order.
        self.files = []
        #: The requests that are not begun: the rest of a batch, and what came while one waited.
        self.batch = iter(())
        self.backlog = []
        self.current = None
        #: Records of the batch, and how many of them are left.
        self.size = 0
        self.remaining = 0
        #: Mean time of a call, in seconds.
        self.mean = _MOST_BATCH_SECONDS
        #: When the next answers are due, and how long they may wait after that.
        self.due = 0.0
        self.pause = _LEAST_BATCH_SECONDS * _PAUSE
        #: When the response of the request that runs was complete; 0 before.
        self.completed_at = 0.0
        self.strict_until = 0.0
        self.cautious_until = 0.0
        self.polled_at = 0.0

    def run(self):
        """Serves until `stop`."""
        channel = self.channel
        while True:
            if not self.stopping or self.out:
                self._send(0 if self.is_open else self._most())
            if self.stopping:
                return
            data, count = channel.receive_idle()
            if count == 0:
                channel.send((), 0)
                continue
            self.size = self.remaining = count
            self._serve(self.requests(data, count))
            while self.backlog:
                batch = self.backlog
                self.backlog = []
                self.size = self.remaining = len(batch)
                self._serve(iter(batch))

    def _serve(self, batch):
        """Runs requests. Where one waits, it moves the rest to the backlog."""
        self.batch = batch
        app = self.app
        clock = perf_counter
        served = 0
        started = before = clock()
        self.due = started + self.pause
        for exchange, environ in batch:
            served += 1
            self.remaining -= 1
            self.current = exchange
            try:
                exchange.answer(app(environ, exchange.start_response))
            except BaseException as error:
                exchange.fail(error)
            now = clock()
            if self.completed_at:
                if now - self.completed_at > _TAIL_SECONDS:
                    self.strict_until = now + _STRICT_SECONDS
                self.completed_at = 0.0
            if now > self.due:
                if now - before > _BLOCKED_SECONDS:
                    self.cautious_until = now + _CAUTION_SECONDS
                if self.remaining:
                    self.flush(True)
                self.due = now + self.pause
            before = now
        self.current = None
        if served:
            self.mean += ((before - started) / served - self.mean) * _WEIGHT
            self.pause = self._batch_seconds() * _PAUSE
            self.count(served)

    def _batch_seconds(self):
        seconds = self.mean * _BATCH_CALLS
        return min(max(seconds, _LEAST_BATCH_SECONDS), _MOST_BATCH_SECONDS)

    def _most(self):
        """Requests to take, 0 when there will be none."""
        if self.stopping:
            return 0
        if self.cautious_until and perf_counter() < self.cautious_until:
            return 1
        return max(1, min(BATCH_RECORDS, int(self._batch_seconds() / self.mean)))

    def _send(self, take):
        out = self.out
        if out or take:
            if take:
                self.is_open = True
            self.channel.send(out, take, self.files)
            out.clear()
            if self.files:
                close_all(self.files)

    # -- what exchanges need

    def flush(self, is_over=False):
        """Sends what is ready.

        When the response of the request that runs is over and most of the batch is done, the next
        batch is asked for. Not before: what is taken has to wait for that response.
        """
        takes = (
            is_over
            and not self.is_open
            and self.remaining * 2 <= self.size
            and not self.backlog
            and self.mean < _MOST_BATCH_SECONDS
        )
        self._send(self._most() if takes else 0)

    def complete(self):
        """A response is complete, while the app may go on, above all in `close`.

        It is sent if that may take long: by the time that has passed, or by what the app has done
        lately.
        """
        now = self.completed_at = perf_counter()
        if now > self.due or now < self.strict_until:
            self.flush(True)
            self.due = now + self.pause

    def add_file(self, ending, descriptor):
        """Adds records one of which needs the descriptor, which may be closed at once."""
        self.files.append(os.dup(descriptor))
        self.out.extend(ending)
        if len(self.files) == BATCH_FILES:
            self.flush(True)

    def wait(self, exchange):  # the only one that can be waiting
        """Waits for news of the exchange; other requests that come meanwhile have to wait."""
        self._send(0)
        self._receive()

    def poll(self, exchange):
        """Takes in what has come, now and then."""
        now = perf_counter()
        if now - self.polled_at < _POLL_SECONDS:
            return
        self.polled_at = now
        while self.channel.is_ready():
            self._receive()

    def _receive(self):
        # So that `event` finds all requests that are not begun.
        self.backlog.extend(self.batch)
        data, count = self.channel.receive()
        if count == 0:
            self.channel.send((), 0)
        for request in self.requests(data, count):
            self.backlog.append(request)

    def event(self, id, kind, first, value, data):
        """Passes a record to its exchange, or drops a request that was not begun."""
        current = self.current
        if current is not None and current.id == id:
            current.event(kind, first, value, data)
        elif ends_exchange(kind, first):
            for at, (exchange, _) in enumerate(self.backlog):
                if exchange.id == id:
                    del self.backlog[at]
                    self.add(records.done(id))
                    return

    def early_hints(self, headers):
        """`wsgi.early_hints`: sends a 103 response with these header fields."""
        if self.current is not None:
            self.current.early_hints(headers)
