"""Batches: framing, taking, heartbeats, requests that are over before they are begun."""

import struct
import time
import unittest

from server import PATIENCE, Server, batch, layout, record, request

APP = """
    import os, threading, time

    gate = threading.Event()
    running = most = 0
    lock = threading.Lock()

    def hello(environ, start_response):
        start_response("200 OK", [])
        return [environ["QUERY_STRING"].encode()]

    def read(environ, start_response):
        data = environ["wsgi.input"].read()
        start_response("200 OK", [])
        return [data]

    def slow(environ, start_response):
        time.sleep(0.03)
        return hello(environ, start_response)

    def stands(environ, start_response):
        while not os.path.exists("gate"):
            time.sleep(0.005)
        return hello(environ, start_response)

    def big(environ, start_response):
        start_response("200 OK", [])
        return [b"x" * 30000]

    def streamed(environ, start_response):
        start_response("200 OK", [])
        yield b"first"
        yield b"second"

    def endless(environ, start_response):
        start_response("200 OK", [])
        while True:
            yield b"more"

    def waits(environ, start_response):
        global running, most
        with lock:
            running += 1
            most = max(most, running)
        gate.wait(10)
        with lock:
            running -= 1
        return hello(environ, start_response)

    def opens(environ, start_response):
        gate.set()
        start_response("200 OK", [])
        return [f"{most} {environ['wsgi.multithread']}".encode()]

    def hints(environ, start_response):
        time.sleep(0.01)
        environ["wsgi.early_hints"]([("Link", environ["QUERY_STRING"])])
        return hello(environ, start_response)

    def app(environ, start_response):
        return globals()[environ["PATH_INFO"][1:]](environ, start_response)
    """


class Framing(unittest.TestCase):
    def test_every_split_point(self):
        with Server(APP).boot() as server:
            stream = batch(record(layout.KIND_DRAIN, 99, (5,)))
            stream += batch(
                request(1, path="/hello", query="one"),
                request(2, "POST", "/read", body=b"some body"),
            )
            stream += batch()
            for at in range(1, len(stream)):
                server.wait_take()
                server.takes.clear()
                server.socket.sendall(stream[:at])
                server.socket.sendall(stream[at:])
                self.assertEqual(server.next("response", 1).body, b"one", at)
                self.assertEqual(server.next("response", 2).body, b"some body", at)

    def test_byte_by_byte(self):
        with Server(APP).boot() as server:
            server.takes.clear()
            for byte in batch(request(1, path="/hello", query="q")):
                server.socket.sendall(bytes((byte,)))
            self.assertEqual(server.next("response", 1).body, b"q")

    def test_largest_batch(self):
        with Server(APP).boot() as server:
            head = len(request(1, "POST", "/read"))
            records = [request(1, "POST", "/read", body=b"b" * (layout.BATCH_BYTES - head))]
            self.assertEqual(len(batch(*records)), layout.BATCH_BYTES + 12)
            server.takes.clear()
            server.send(*records)
            self.assertEqual(len(server.response(1)[2]), layout.BATCH_BYTES - head)

    def test_answers_that_are_too_many_for_one_batch(self):
        with Server(APP).boot() as server:
            server.takes.clear()
            server.send(*(request(id, path="/big") for id in range(1, 41)))
            for id in range(1, 41):
                self.assertEqual(len(server.next("response", id).body), 30000)
            server.wait_take()

    def test_unknown_records_and_messages_are_ignored(self):
        with Server(APP).boot() as server:
            server.tell({"type": "what is this"})
            server.send(record(layout.KIND_ABORT, 77), record(layout.KIND_BODY_END, 78, (0,)))
            self.assertEqual(server.get(path="/hello", query="yes")[2], b"yes")


class Taking(unittest.TestCase):
    def test_takes_grow_with_the_speed_of_the_app(self):
        with Server(APP).boot() as server:
            first = count = server.wait_take()
            deadline = time.monotonic() + PATIENCE
            while count <= 8 and time.monotonic() < deadline:
                server.takes.clear()
                server.send(*(request(id, path="/hello") for id in range(1, count + 1)))
                for id in range(1, count + 1):
                    server.next("response", id)
                count = server.wait_take()
            self.assertEqual(first, 1)
            self.assertGreater(count, 8)

    def test_one_at_a_time_after_a_slow_call(self):
        with Server(APP).boot() as server:
            for _ in range(100):
                server.get(path="/hello")
            server.get(path="/slow")
            self.assertEqual(server.wait_take(), 1)

    def test_heartbeat(self):
        for threads in (1, 3):
            with Server(APP, threads=threads).boot() as server:
                server.send()
                self.assertEqual(server.receive(), (0, 0))
                self.assertEqual(server.get(path="/hello", query="alive")[2], b"alive")

    def test_answer_does_not_wait_for_a_slow_neighbour(self):
        with Server(APP).boot() as server:
            server.takes.clear()
            server.send(request(1, path="/slow"), request(2, path="/stands"))
            server.next("response", 1)
            server.open_gate()
            server.next("response", 2)

    def test_chunk_is_sent_before_the_next_is_asked_for(self):
        with Server(APP).boot() as server:
            exchange = server.request(path="/streamed")
            server.next("head", exchange)
            before = server.batches
            self.assertEqual(server.next("chunk", exchange).body, b"first")
            self.assertEqual(server.next("chunk", exchange).body, b"second")
            self.assertGreater(server.batches, before)

    def test_nothing_is_taken_while_a_response_is_streamed(self):
        with Server(APP).boot() as server:
            for _ in range(200):
                server.get(path="/hello")
            exchange = server.request(path="/endless")
            server.next("head", exchange)
            for _ in range(20):
                server.next("chunk", exchange)
            self.assertEqual(server.takes, [])
            server.abort(exchange)
            server.wait_take()


class Queued(unittest.TestCase):
    """Requests that wait behind one that waits for its client."""

    def test_abort_of_a_request_that_is_not_begun(self):
        with Server(APP).boot() as server:
            server.takes.clear()
            server.send(
                request(1, "POST", "/read", follows=True),
                request(2, path="/hello", query="two"),
                request(3, path="/hello", query="three"),
            )
            server.next("want_body", 1)
            server.abort(2)
            server.body(1, b"here")
            # In the order in which they are over: 2 was dropped while 1 waited.
            found = {
                (found.kind, found.exchange, found.body)
                for found in (server.next() for _ in range(3))
            }
            self.assertEqual(
                found, {("response", 1, b"here"), ("done", 2, b""), ("response", 3, b"three")}
            )
            server.wait_take()

    def test_requests_that_come_while_one_waits(self):
        with Server(APP).boot() as server:
            server.takes.clear()
            server.send(
                request(1, "POST", "/read", follows=True), request(2, path="/hello", query="two")
            )
            server.next("want_body", 1)
            server.send(
                request(3, "POST", "/read", follows=True), request(4, path="/hello", query="four")
            )
            server.body(1, b"one")
            self.assertEqual(server.next("response", 1).body, b"one")
            self.assertEqual(server.next("response", 2).body, b"two")
            server.next("want_body", 3)
            server.body(3, b"three")
            self.assertEqual(server.next("response", 3).body, b"three")
            self.assertEqual(server.next("response", 4).body, b"four")

    def test_abort_that_crosses_with_the_answer(self):
        with Server(APP).boot() as server:
            exchange = server.request(path="/hello", query="x")
            server.next("response", exchange)
            server.abort(exchange)
            server.wait_take()
            server.takes.clear()
            # The id may be used again at once.
            server.send(request(exchange, path="/hello", query="y"))
            self.assertEqual(server.next("response", exchange).body, b"y")


class Threads(unittest.TestCase):
    def test_as_many_requests_as_threads(self):
        with Server(APP, threads=4).boot() as server:
            self.assertEqual(server.wait_take(), 4)
            server.takes.clear()
            server.send(request(1, path="/waits"))
            # The others are free.
            self.assertEqual(server.wait_take(), 3)
            server.takes.clear()
            server.send(request(2, path="/waits"), request(3, path="/waits"))
            self.assertEqual(server.wait_take(), 1)
            # It answers while requests wait.
            server.send()
            self.assertEqual(server.receive(), (0, 0))
            server.takes.clear()
            server.send(request(4, path="/opens"))
            self.assertEqual(server.next("response", 4).body, b"3 True")
            self.assertEqual({server.next("response").exchange for _ in range(3)}, {1, 2, 3})
            server.wait_take()

    def test_abort_in_the_queue_of_a_thread(self):
        with Server(APP, threads=2).boot() as server:
            server.takes.clear()
            server.send(request(1, "POST", "/read", follows=True), record(layout.KIND_ABORT, 1))
            server.next("done", 1)

    def test_early_hints_go_to_their_own_request(self):
        with Server(APP, threads=4).boot() as server:
            server.takes.clear()
            server.send(*(request(id, path="/hints", query=str(id)) for id in range(1, 5)))
            found = [server.next() for _ in range(8)]
            hints = {
                (one.exchange, one.headers["link"]) for one in found if one.kind == "informational"
            }
            self.assertEqual(hints, {(id, str(id)) for id in range(1, 5)})

    def test_many_requests(self):
        with Server(APP, threads=8).boot() as server:
            open_ids, answered, last = set(), 0, 0
            while answered < 2000:
                while server.records:
                    found = server.records.pop(0)
                    self.assertIn(found.exchange, open_ids)
                    if found.kind in ("response", "end"):
                        open_ids.remove(found.exchange)
                        answered += 1
                if server.takes:
                    count = server.takes.pop()
                    ids = range(last + 1, last + count + 1)
                    last += count
                    open_ids.update(ids)
                    server.send(
                        *(request(id, path="/streamed" if id % 3 else "/hello") for id in ids)
                    )
                    self.assertLessEqual(len(open_ids), 8)
                if not server.takes:
                    server.receive()


class Messages(unittest.TestCase):
    def test_spent(self):
        for threads in (1, 2):
            with Server(APP, threads=threads, maxRequests=3).boot() as server:
                said = []
                for at in range(8):
                    exchange = server.request(path="/hello")
                    server.wait_take()
                    for found in server.records:
                        if found.kind == "say":
                            said.append((at, found.message))
                    server.records = [found for found in server.records if found.kind != "say"]
                    server.next("response", exchange)
                self.assertEqual(said, [(2, {"type": "spent"})])

    def test_jitter(self):
        with Server(APP, maxRequests=1, maxRequestsJitter=4).boot() as server:
            served = 0
            while not any(found.kind == "say" for found in server.records):
                server.request(path="/hello")
                server.wait_take()
                served += 1
            self.assertIn(served, range(1, 6))

    def test_another_layout(self):
        with Server(APP) as server:
            server.start["layout"] = layout.LAYOUT_VERSION + 1
            server.tell(server.start)
            message = server.next("say").message
            self.assertEqual(message["type"], "failed")
            self.assertIn(
                f"version {layout.LAYOUT_VERSION + 1} of the worker protocol", message["text"]
            )
            self.assertEqual(server.exit(), 3)

    def test_start_and_more_in_one_batch(self):
        with Server(APP) as server:
            import json

            data = json.dumps(server.start).encode()
            start = record(layout.KIND_TELL, 0, (len(data),), data)
            server.socket.sendall(batch(start, record(layout.KIND_STOP, 0, (5000,))))
            self.assertEqual(server.next("say").message["type"], "ready")
            self.assertEqual(server.exit(), 0)


class Layout(unittest.TestCase):
    def test_head_of_a_batch(self):
        self.assertEqual(struct.calcsize("<3I"), 4 * layout.BATCH_HEAD_WORDS)
        order = (layout.BATCH_HEAD_BYTES, layout.BATCH_HEAD_RECORDS, layout.BATCH_HEAD_TAKE)
        self.assertEqual(order, (0, 1, 2))
        names = ("NAME_BYTES", "VALUE_BYTES", "BODY_BYTES", "LENGTH_LOW", "LENGTH_HIGH", "BYTES")
        self.assertEqual([getattr(layout, f"ENVIRON_{name}") for name in names], [3, 4, 5, 6, 7, 8])


if __name__ == "__main__":
    unittest.main()
