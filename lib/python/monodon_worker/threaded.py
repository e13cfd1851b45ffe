"""The worker with several threads, for apps that wait for others."""

import os
import select
import threading
from queue import SimpleQueue

from .channel import ServerGone, leave
from .files import close_all
from .layout import BATCH_FILES, BATCH_RECORDS
from .response import ABORTED, OVER
from .worker import Worker


class ThreadedWorker(Worker):
    """The main thread reads; up to `threads` others run a request each and send its answer."""

    mailbox = SimpleQueue

    def __init__(self, channel, app, options, facts, errors):
        super().__init__(channel, app, options, facts, errors)
        self.most = options["threads"]
        #: Guards what follows, and the writing end of the channel.
        self.lock = threading.Lock()
        #: Told when a request is over while `is_gone`.
        self.freed = threading.Condition(self.lock)
        #: The server has gone: nothing is sent any more.
        self.is_gone = False
        self.tail_seconds = options["gracefulTimeout"] / 1000
        self.out = []
        self.add = self.out.append
        #: Descriptors of the files among them, in their order.
        self.files = []
        self.free = self.most
        #: Exchanges that are not answered yet, by id.
        self.live = {}
        self.tasks = SimpleQueue()
        self.threads = 0
        self.local = threading.local()
        #: Tells the main thread after `stop` that the last request is answered.
        self.finished = None

    def run(self):
        """Serves until `stop`, and then until all requests are answered."""
        self.flush()
        while not self.stopping:
            self._receive()
        reading, self.finished = os.pipe()
        poll = select.poll()
        poll.register(reading, select.POLLIN)
        poll.register(self.channel, select.POLLIN)
        while self.free < self.most:
            if self.channel.holds_batch() or any(fd != reading for fd, _ in poll.poll()):
                self._receive()
        self.flush()

    def _receive(self):
        try:
            data, count = self.channel.receive_idle()
        except ServerGone:
            self._finish()
            raise
        requests = []
        with self.lock:
            for request in self.requests(data, count):
                self.live[request[0].id] = request[0]
                requests.append(request)
            self.free -= len(requests)
            self.count(len(requests))
            self._send(self._wanted(), count == 0)
        for request in requests:
            # Each thread that is not free runs a request or is about to.
            if self.threads < self.most - self.free:
                self._start_thread()
            self.tasks.put(request)

    def _finish(self):
        """Waits for what the app does after its responses; what it has not answered is lost."""
        with self.lock:
            self.is_gone = True
            self.freed.wait_for(self._has_no_tail, self.tail_seconds)
            if self.free < self.most:
                leave()

    def _has_no_tail(self):
        return all(exchange.state != OVER for exchange in self.live.values())

    def _start_thread(self):
        self.threads += 1
        threading.Thread(target=self._work, name=f"monodon-app-{self.threads}", daemon=True).start()

    def _work(self):
        local = self.local
        while True:
            exchange, environ = self.tasks.get()
            local.exchange = exchange
            self._serve(exchange, environ)
            local.exchange = exchange = environ = None

    def _serve(self, exchange, environ):
        try:
            self.poll(exchange)
            if exchange.state >= ABORTED:
                exchange.settle()
            else:
                exchange.answer(self.app(environ, exchange.start_response))
        except BaseException as error:
            exchange.fail(error)
        with self.lock:
            # The server may have given the id to the next request already.
            if self.live.get(exchange.id) is exchange:
                del self.live[exchange.id]
            self.free += 1
            self._send(self._wanted(), False)
            if self.is_gone:
                self.freed.notify()
            if self.finished is not None and self.free == self.most:
                os.write(self.finished, b"\0")

    def _wanted(self):
        """Requests to take: as many as there are threads without one."""
        if self.is_open or self.stopping:
            return 0
        return min(self.free, BATCH_RECORDS)

    def _send(self, take, is_heartbeat):
        if self.is_gone:
            return
        out = self.out
        ready = out[:]
        if ready or take or is_heartbeat:
            # Others may add records meanwhile, which stay for the next batch.
            del out[: len(ready)]
            if take:
                self.is_open = True
            self.channel.send(ready, take, self.files)
            if self.files:
                close_all(self.files)

    # -- what exchanges need

    def flush(self, is_over=False):
        """Sends what is ready, of all threads."""
        with self.lock:
            self._send(self._wanted(), False)

    def complete(self):
        """A response is complete, while the app may go on: it is sent."""
        self.flush()

    def add_file(self, ending, descriptor):
        """Adds records one of which needs the descriptor, which may be closed at once."""
        with self.lock:
            self.files.append(os.dup(descriptor))
            self.out.extend(ending)
            if len(self.files) == BATCH_FILES:
                self._send(self._wanted(), False)

    def wait(self, exchange):
        """Waits for news of the exchange."""
        self.flush()
        exchange.event(*exchange.mailbox.get())

    def poll(self, exchange):
        """Takes in what has come for the exchange."""
        while not exchange.mailbox.empty():
            exchange.event(*exchange.mailbox.get())

    def event(self, id, kind, first, value, data):
        """Passes a record to the thread that runs its exchange."""
        exchange = self.live.get(id)
        if exchange is not None:
            exchange.mailbox.put((kind, first, value, data))

    def early_hints(self, headers):
        """`wsgi.early_hints`: sends a 103 response with these header fields."""
        exchange = getattr(self.local, "exchange", None)
        if exchange is not None:
            exchange.early_hints(headers)
