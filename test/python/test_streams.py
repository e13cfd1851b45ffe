"""Bodies in both directions: windows, back-pressure, clients that leave, files."""

import os
import unittest

from server import Server, layout, record

APP = """
    import gzip, hashlib, os, tempfile

    def read(environ, start_response):
        stream = environ["wsgi.input"]
        how = environ["QUERY_STRING"]
        digest, total = hashlib.sha256(), 0
        try:
            if how == "all":
                data = stream.read()
                digest.update(data)
                total = len(data)
            elif how == "lines":
                for line in stream:
                    digest.update(line)
                    total += len(line)
            elif how == "into":
                buffer = bytearray(5000)
                while size := stream.readinto(buffer):
                    digest.update(buffer[:size])
                    total += size
            elif how == "one":
                while data := stream.read1(70000):
                    digest.update(data)
                    total += len(data)
            else:
                while data := stream.read(10000):
                    digest.update(data)
                    total += len(data)
        except OSError as error:
            text = f"{type(error).__name__} {isinstance(error, ConnectionError)} {error.code} {total}"
            start_response("400 Broken", [])
            return [text.encode()]
        start_response("200 OK", [])
        return [f"{total} {digest.hexdigest()}".encode()]

    def uncaught(environ, start_response):
        environ["wsgi.input"].read()

    def ignores(environ, start_response):
        start_response("200 OK", [])
        return [b"ignored"]

    events = []

    def big(environ, start_response):
        def chunks():
            try:
                for at in range(64):
                    events.append(at)
                    yield bytes([at]) * 65536
            except GeneratorExit:
                events.append("closed")
                raise
            events.append("ended")
        start_response("200 OK", [])
        return chunks()

    def endless(environ, start_response):
        def chunks():
            try:
                while True:
                    yield b"tick"
            finally:
                events.append("finally")
        start_response("200 OK", [])
        return chunks()

    def writes(environ, start_response):
        write = start_response("200 OK", [])
        try:
            while True:
                write(b"x" * 65536)
        except OSError as error:
            events.append(type(error).__name__)
            raise

    def what(environ, start_response):
        said = repr(events)
        events.clear()
        start_response("200 OK", [])
        return [said.encode()]

    def upload_and_stream(environ, start_response):
        start_response("200 OK", [])
        return iter(lambda: environ["wsgi.input"].read(8), b"")

    def file(environ, start_response):
        file = open("data.bin", "rb")
        file.read(int(environ.get("HTTP_X_SKIP", "0")))
        fields = [("Content-Length", environ["HTTP_X_LENGTH"])] if "HTTP_X_LENGTH" in environ else []
        start_response("200 OK", fields)
        class Shown:
            read = property(lambda self: file.read)
            def close(self):
                events.append("closed")
                file.close()
        return environ["wsgi.file_wrapper"](Shown())

    def zipped(environ, start_response):
        with gzip.open("data.gz", "wb") as made:
            made.write(b"unzipped" * 20000)
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](gzip.open("data.gz", "rb"), 4096)

    def temporary(environ, start_response):
        file = tempfile.NamedTemporaryFile()
        file.write(b"t" * 100000)
        file.seek(10)
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](file)

    def app(environ, start_response):
        return globals()[environ["PATH_INFO"][1:]](environ, start_response)
    """

FAULTS = {
    "truncated": "ClientGone True MONODON_BODY_TRUNCATED",
    "malformed": "BodyBroken False MONODON_BODY_MALFORMED",
    "too-large": "BodyBroken False MONODON_BODY_TOO_LARGE",
    "timed-out": "BodyBroken False MONODON_BODY_TIMED_OUT",
}


class Streams:
    """The tests, for one thread and for several."""

    threads = 1

    @classmethod
    def setUpClass(cls):
        cls.server = Server(APP, threads=cls.threads).boot()
        with open(os.path.join(cls.server.folder, "data.bin"), "wb") as file:
            file.write(bytes(range(256)) * 1024)

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def said(self):
        return eval(self.server.get(path="/what")[2])

    # -- requests

    def test_window(self):
        import hashlib

        for how in ("all", "lines", "into", "one", "pieces"):
            data = os.urandom(1_000_000)
            exchange = self.server.request("POST", "/read", how, follows=True)
            room = at = 0
            while at < len(data):
                while room == 0:
                    room += self.server.next("want_body", exchange).value
                    self.assertLessEqual(room, layout.BODY_WINDOW_BYTES)
                piece = data[at : at + min(room, 50_000)]
                self.server.body(exchange, piece, end=False)
                at += len(piece)
                room -= len(piece)
            self.server.body(exchange, b"")
            while (found := self.server.next(exchange=exchange)).kind == "want_body":
                pass
            self.assertEqual(
                found.body.decode(), f"1000000 {hashlib.sha256(data).hexdigest()}", how
            )

    def test_first_part_comes_with_the_head(self):
        exchange = self.server.request("POST", "/read", "lines", body=b"ab\nc", follows=True)
        self.server.next("want_body", exchange)
        self.server.body(exchange, b"d\nef", end=False)
        self.server.body(exchange, b"")
        self.assertTrue(self.server.next("response", exchange).body.startswith(b"8 "))

    def test_body_that_nobody_reads_is_not_asked_for(self):
        exchange = self.server.request("POST", "/ignores", follows=True)
        self.assertEqual(self.server.next("response", exchange).body, b"ignored")

    def test_broken_body(self):
        for fault, expected in FAULTS.items():
            exchange = self.server.request("POST", "/read", "all", follows=True)
            self.server.next("want_body", exchange)
            self.server.body(exchange, b"some", end=False)
            aux = layout.BODY_FAULTS.index(fault)
            self.server.send(record(layout.KIND_BODY_BROKEN, exchange, aux=aux))
            found = self.server.next("response", exchange)
            self.assertEqual((found.status, found.body.decode()), (400, f"{expected} 0"))

    def test_broken_body_that_the_app_lets_pass(self):
        exchange = self.server.request("POST", "/uncaught", follows=True)
        self.server.next("want_body", exchange)
        aux = layout.BODY_FAULTS.index("timed-out")
        self.server.send(record(layout.KIND_BODY_BROKEN, exchange, aux=aux))
        self.assertEqual(self.server.next("fail", exchange).status, 408)
        self.assertIn("[INFO] MONODON_BODY_TIMED_OUT POST /uncaught: ", self.server.errors())

    def test_server_has_answered(self):
        exchange = self.server.request("POST", "/uncaught", follows=True)
        self.server.next("want_body", exchange)
        aux = layout.BODY_FAULTS.index("too-large")
        self.server.send(record(layout.KIND_BODY_BROKEN, exchange, flags=layout.FLAG_OVER, aux=aux))
        self.server.next("done", exchange)

    def test_client_leaves_while_its_body_is_read(self):
        exchange = self.server.request("POST", "/uncaught", follows=True)
        self.server.next("want_body", exchange)
        self.server.abort(exchange)
        self.server.next("done", exchange)
        self.assertNotIn("MONODON_BODY_ABORTED", self.server.errors())

    def test_both_directions_at_once(self):
        exchange = self.server.request("POST", "/upload_and_stream", follows=True)
        self.server.next("want_body", exchange)
        self.server.body(exchange, b"12345678", end=False)
        self.server.next("head", exchange)
        self.assertEqual(self.server.next("chunk", exchange).body, b"12345678")
        self.server.body(exchange, b"9")
        self.assertEqual(self.server.next("chunk", exchange).body, b"9")
        self.server.next("end", exchange)

    # -- responses

    def test_back_pressure(self):
        self.said()
        exchange = self.server.request(path="/big")
        self.server.next("head", exchange)
        undrained = 0
        for at in range(64):
            while undrained + 65536 > 262_144:
                # Nothing more may come until there is room; a heartbeat shows that it is waiting.
                before = len(self.server.records)
                self.heartbeat()
                self.assertEqual(len(self.server.records), before)
                self.server.drain(exchange, 65536)
                undrained -= 65536
            found = self.server.next("chunk", exchange)
            self.assertEqual(found.body, bytes([at]) * 65536)
            undrained += 65536
        self.server.next("end", exchange)
        self.assertEqual(self.said(), [*range(64), "ended"])

    def heartbeat(self):
        self.server.send()
        while True:
            count, take = self.server.receive()
            if count == 0 and take == 0:
                return

    def test_client_leaves_while_its_response_waits(self):
        self.said()
        exchange = self.server.request(path="/big")
        self.server.next("head", exchange)
        for _ in range(4):
            self.server.next("chunk", exchange)
        self.server.abort(exchange)
        self.server.next("done", exchange)
        # The fifth chunk was made and had no room.
        self.assertEqual(self.said(), [0, 1, 2, 3, 4, "closed"])

    def test_client_leaves_an_endless_response(self):
        self.said()
        exchange = self.server.request(path="/endless")
        self.server.next("head", exchange)
        self.server.abort(exchange)
        while (found := self.server.next(exchange=exchange)).kind == "chunk":
            pass
        self.assertEqual(found.kind, "done")
        self.assertEqual(self.said(), ["finally"])

    def test_response_is_complete_for_the_server(self):
        self.said()
        exchange = self.server.request(path="/endless")
        self.server.next("head", exchange)
        self.server.abort(exchange, layout.FLAG_COMPLETE)
        while (found := self.server.next(exchange=exchange)).kind == "chunk":
            pass
        self.assertEqual(found.kind, "done")
        self.assertEqual(self.said(), ["finally"])

    def test_write_to_nobody(self):
        self.said()
        before = self.server.errors()
        exchange = self.server.request(path="/writes")
        self.server.next("head", exchange)
        self.server.next("chunk", exchange)
        self.server.abort(exchange)
        while (found := self.server.next(exchange=exchange)).kind == "chunk":
            pass
        self.assertEqual(found.kind, "done")
        self.assertEqual(self.said(), ["ClientGone"])
        self.assertEqual(self.server.errors(), before)

    # -- files

    def read_descriptor(self, found):
        descriptor = self.server.descriptors.pop(0)
        try:
            return os.pread(descriptor, found.length, found.offset)
        finally:
            os.close(descriptor)

    def test_file(self):
        data = bytes(range(256)) * 1024
        for skip, length in ((0, None), (100, None), (100, 200_000)):
            self.said()
            fields = {"HTTP_X_SKIP": str(skip)}
            if length is not None:
                fields["HTTP_X_LENGTH"] = str(length)
            expected = data[skip:] if length is None else data[skip : skip + length]
            exchange = self.server.request(path="/file", fields=fields)
            head = self.server.next("head", exchange)
            self.assertEqual(head.headers, {"content-length": str(len(expected))})
            self.assertEqual(self.read_descriptor(self.server.next("file", exchange)), expected)
            self.server.next("end", exchange)
            self.assertEqual(self.said(), ["closed"])

    def test_small_part_of_a_file(self):
        exchange = self.server.request(
            path="/file", fields={"HTTP_X_SKIP": "10", "HTTP_X_LENGTH": "20"}
        )
        self.assertEqual(self.server.next("response", exchange).body, bytes(range(10, 30)))
        exchange = self.server.request(path="/file", fields={"HTTP_X_LENGTH": "0"})
        self.assertEqual(self.server.next("response", exchange).body, b"")

    def test_file_that_is_too_short(self):
        exchange = self.server.request(path="/file", fields={"HTTP_X_LENGTH": "300000"})
        self.assertEqual(self.server.next("fail", exchange).status, 500)

    def test_head_of_a_file(self):
        found = self.server.next("response", self.server.request("HEAD", "/file"))
        self.assertEqual((found.headers, found.body), ({"content-length": "262144"}, b""))

    def test_file_that_is_not_what_its_descriptor_has(self):
        self.assertEqual(self.server.get(path="/zipped")[2], b"unzipped" * 20000)

    def test_temporary_file(self):
        exchange = self.server.request(path="/temporary")
        self.assertEqual(self.server.next("head", exchange).headers, {"content-length": "99990"})
        self.assertEqual(self.read_descriptor(self.server.next("file", exchange)), b"t" * 99990)
        self.server.next("end", exchange)

    def test_no_descriptor_leaks(self):
        folder = f"/proc/{self.server.process.pid}/fd"
        if not os.path.isdir(folder):
            self.skipTest("no /proc")
        self.server.get(path="/what")
        before = len(os.listdir(folder))
        for _ in range(3):
            exchange = self.server.request(path="/file")
            self.server.next("head", exchange)
            self.read_descriptor(self.server.next("file", exchange))
            self.server.next("end", exchange)
        self.server.get(path="/what")
        self.assertEqual(len(os.listdir(folder)), before)


class OneThread(Streams, unittest.TestCase):
    pass


class SeveralThreads(Streams, unittest.TestCase):
    threads = 3


if __name__ == "__main__":
    unittest.main()
