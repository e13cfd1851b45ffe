"""PEP 3333: what the app sees and what becomes of what it gives."""

import unittest
from urllib.parse import quote

from server import Server

VALIDATED = """
    import json
    from wsgiref.validate import validator

    closed = []

    class Body:
        def __init__(self, *chunks):
            self.chunks = iter(chunks)

        def __iter__(self):
            return self

        def __next__(self):
            return next(self.chunks)

        def close(self):
            closed.append(1)

    def plain(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"Hello"]

    def generator(environ, start_response):
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        def chunks():
            yield b""
            yield b"one"
            yield b""
            yield b"two"
        return chunks()

    def body(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Body(b"one", b"two")

    def written(environ, start_response):
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        write(b"one")
        write(b"")
        write(b"two")
        return [b"three"]

    def read(environ, start_response):
        stream = environ["wsgi.input"]
        got = [stream.read(2), stream.readline(), stream.readline(4), *stream.readlines(1)]
        got += list(stream)
        got.append(stream.read(10))
        text = json.dumps([part.decode() for part in got]).encode()
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))])
        return [text]

    def nothing(environ, start_response):
        start_response("204 No Content", [])
        return []

    def replaced(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        try:
            raise ValueError("changed my mind")
        except ValueError:
            import sys
            start_response("500 Oops", [("Content-Type", "text/plain")], sys.exc_info())
        return [b"replaced"]

    def errors(environ, start_response):
        environ["wsgi.errors"].write("a line of the app\\n")
        environ["wsgi.errors"].writelines(["two ", "parts\\n"])
        environ["wsgi.errors"].flush()
        return plain(environ, start_response)

    def closes(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(len(closed)).encode()]

    apps = {"/" + name: validator(value) for name, value in list(globals().items()) if callable(value)}

    def app(environ, start_response):
        return apps[environ["PATH_INFO"]](environ, start_response)
    """

RAW = """
    import json, sys

    def env(environ, start_response):
        shown = {key: value if isinstance(value, (str, bool)) else repr(type(value)) for key, value in environ.items()}
        shown["type"] = type(environ).__name__
        shown["version"] = list(environ["wsgi.version"])
        text = json.dumps(shown).encode()
        start_response("200 OK", [("Content-Type", "application/json")])
        return [text]

    def respond(environ, start_response):
        given = eval(environ["HTTP_X_GIVEN"])
        start_response(*given[:2])
        body = given[2]
        return body() if callable(body) else body

    def twice(environ, start_response):
        start_response("200 OK", [])
        start_response("200 OK", [])
        return [b"never"]

    def late(environ, start_response):
        def chunks():
            start_response("200 OK", [])
            yield b"sent"
            try:
                raise ValueError("too late")
            except ValueError:
                start_response("500 Oops", [], sys.exc_info())
            yield b"never"
        return chunks()

    def late_start(environ, start_response):
        yield b""
        start_response("200 OK", [("X-Late", "yes")])
        yield b"begun late"

    def exits(environ, start_response):
        sys.exit(3)

    def interrupts(environ, start_response):
        raise KeyboardInterrupt

    def generator_exit(environ, start_response):
        raise GeneratorExit

    def half(environ, start_response):
        start_response("200 OK", [])
        yield b"half"
        raise RuntimeError("the other half")

    def hints(environ, start_response):
        environ["wsgi.early_hints"]([("Link", "</a.css>; rel=preload")])
        start_response("200 OK", [])
        return [b"hinted"]

    def many_fields(environ, start_response):
        start_response("200 OK", eval(environ["HTTP_X_GIVEN"]))
        return [b""]

    class ClosesBadly(list):
        def close(self):
            raise RuntimeError("cannot close")

    def closes_badly(environ, start_response):
        start_response("200 OK", [("Content-Length", "2")])
        return ClosesBadly([b"ok"])

    closed = []

    def closing(environ, start_response):
        class Chunks:
            def __iter__(self):
                if environ["QUERY_STRING"] == "throw":
                    raise RuntimeError("no chunks")
                return iter([b"a", b"b"])
            def close(self):
                closed.append(environ["QUERY_STRING"])
        start_response("200 OK", [])
        return Chunks()

    def was_closed(environ, start_response):
        start_response("200 OK", [])
        return [" ".join(closed).encode()]

    def after(environ, start_response):
        global kept, write
        kept = environ["wsgi.input"]
        write = start_response("200 OK", [])
        return [b"kept"]

    def use_kept(environ, start_response):
        said = []
        for use in (kept.read, lambda: write(b"late")):
            try:
                said.append(repr(use()))
            except Exception as error:
                said.append(type(error).__name__ + " " + error.code)
        start_response("200 OK", [])
        return [",".join(said).encode()]

    def single(environ, start_response):
        class One:
            def __len__(self):
                return 1
            def __iter__(self):
                return iter([b"alone"])
        start_response("200 OK", [])
        return One()

    def app(environ, start_response):
        return globals()[environ["PATH_INFO"][1:]](environ, start_response)
    """


class Validated(unittest.TestCase):
    """wsgiref.validate around each app: no assertion may fire."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server(VALIDATED).boot()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def setUp(self):
        self.errors_before = len(self.server.errors())

    def tearDown(self):
        said = self.server.errors()[self.errors_before :]
        self.assertNotIn("AssertionError", said)
        self.assertNotIn("[ERROR]", said)

    def test_list_of_one_chunk(self):
        # The validator's iterator has no length: it is streamed.
        exchange = self.server.request(path="/plain")
        self.assertEqual(
            self.server.response(exchange), (200, {"content-type": "text/plain"}, b"Hello")
        )

    def test_generator(self):
        exchange = self.server.request(path="/generator")
        found = self.server.next("head", exchange)
        self.assertEqual(found.headers, {"content-type": "text/plain"})
        self.assertEqual(self.server.next("chunk").body, b"one")
        self.assertEqual(self.server.next("chunk").body, b"two")
        self.server.next("end", exchange)

    def test_iterator_is_closed(self):
        before = int(self.server.get(path="/closes")[2])
        self.assertEqual(self.server.get(path="/body")[2], b"onetwo")
        self.assertEqual(int(self.server.get(path="/closes")[2]), before + 1)

    def test_write(self):
        self.assertEqual(self.server.get(path="/written")[2], b"onetwothree")

    def test_reading(self):
        body = b"ab\ncdefgh\nij\nkl\nmn"
        status, _, text = self.server.get(
            "POST", "/read", body=body, fields={"CONTENT_LENGTH": str(len(body))}
        )
        self.assertEqual(status, 200)
        self.assertEqual(eval(text), ["ab", "\n", "cdef", "gh\n", "ij\n", "kl\n", "mn", ""])

    def test_no_content(self):
        self.assertEqual(self.server.get(path="/nothing"), (204, {}, b""))

    def test_replaced_head(self):
        status, headers, body = self.server.get(path="/replaced")
        self.assertEqual((status, headers[":reason"], body), (500, "Oops", b"replaced"))

    def test_errors_stream(self):
        self.server.get(path="/errors")
        self.assertIn("a line of the app\ntwo parts\n", self.server.errors())

    def test_head(self):
        exchange = self.server.request("HEAD", "/plain")
        self.assertEqual(
            [self.server.next(exchange=exchange).kind for _ in range(2)], ["head", "end"]
        )


class Raw(unittest.TestCase):
    """Apps that no validator stands in front of."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server(RAW, facts={"multiprocess": True}).boot()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def given(self, status, fields, body, method="GET"):
        return self.server.request(
            method, "/respond", fields={"HTTP_X_GIVEN": f"({status!a}, {fields!a}, {body})"}
        )

    def refused(self, code, status, fields, body="[b'x']"):
        """The app's mistake gives a 500 and a log entry with this code."""
        before = len(self.server.errors())
        found = self.server.next("fail", self.given(status, fields, body))
        self.assertEqual(found.status, 500)
        said = self.server.errors()[before:]
        self.assertIn(f"[ERROR] {code} GET /respond: ", said)
        self.assertIn("blame: app", said)
        # One entry: its further lines are indented.
        self.assertEqual(
            [line for line in said.splitlines()[1:] if line and not line.startswith("    ")], []
        )

    def test_environ(self):
        environ = eval(
            self.server.get("GET", "/env", "a=1&b", {"HTTP_HOST": "h:1", "HTTP_X_Y": "caf\xe9"})[2]
            .replace(b"true", b"True")
            .replace(b"false", b"False")
        )
        self.assertEqual(environ["type"], "dict")
        self.assertEqual(environ["version"], [1, 0])
        expected = {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": "/env",
            "QUERY_STRING": "a=1&b",
            "RAW_URI": "/env?a=1&b",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "192.0.2.1",
            "REMOTE_PORT": "4242",
            "HTTP_HOST": "h:1",
            "HTTP_X_Y": "caf\xe9",
            "wsgi.url_scheme": "http",
            "wsgi.multithread": False,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
        }
        self.assertEqual({key: environ[key] for key in expected}, expected)

    def test_path_may_hold_any_octet(self):
        # The app finds no route of that name: what counts is what it looked for.
        exchange = self.server.request(path="/a\0b\xff")
        self.server.next("fail", exchange)
        self.assertIn(repr("a\0b\xff"), self.server.errors())

    def test_statuses(self):
        for status, code, reason in (
            ("200 OK", 200, None),
            ("404 Not Found", 404, None),
            ("404 Nothing here", 404, "Nothing here"),
            ("299 caf\xe9", 299, "caf\xe9"),
            ("599 ", 599, None),
        ):
            found = self.server.next("response", self.given(status, [], "[b'x']"))
            self.assertEqual((found.status, found.headers.get(":reason")), (code, reason))

    def test_bad_statuses(self):
        for status in (
            "200",
            "200OK",
            "OK",
            200,
            b"200 OK",
            "100 Continue",
            "1200 OK",
            "200 a\nb",
            "200 \u20ac",
            None,
            ["200 OK"],
        ):
            self.refused("MONODON_APP_BAD_STATUS", status, [])

    def test_fields(self):
        fields = [
            ("Set-Cookie", "a=1"),
            ("Set-Cookie", "b=2"),
            ("X-Caf", "\xe9\t!"),
            ("ETag", '"1"'),
        ]
        for _ in range(2):
            found = self.server.next("response", self.given("200 OK", fields, "[b'x']"))
            self.assertEqual(found.fields, [(name.lower(), value) for name, value in fields])

    def test_bad_fields(self):
        for fields in (
            None,
            (),
            {},
            "ab",
            [["A", "b"]],
            ["ab"],
            [("A",)],
            [("A", 1)],
            [(b"A", "b")],
            [("A", b"b")],
            [("A", None)],
        ):
            self.refused("MONODON_APP_BAD_HEADERS", "200 OK", fields)
        for fields in (
            [("A", "b\r\nC: d")],
            [("A", "b\n")],
            [("A\n", "b")],
            [("A b", "c")],
            [("", "b")],
            [("A", "\u20ac")],
            [("A", "\0")],
            [("A:", "b")],
        ):
            self.refused("MONODON_BAD_HEADER", "200 OK", fields)
        for name in ("Connection", "keep-alive", "Transfer-Encoding", "Upgrade", "TE", "Trailer"):
            self.refused("MONODON_APP_HOP_BY_HOP", "200 OK", [(name, "close")])

    def test_lengths(self):
        whole = self.server.next(
            "response", self.given("200 OK", [("Content-Length", "3")], "[b'abc']")
        )
        self.assertEqual((whole.headers, whole.body), ({"content-length": "3"}, b"abc"))
        for value in ("", "-1", "1.0", "abc", "+3", "3 ", "\u0663"):
            self.refused("MONODON_APP_BAD_LENGTH", "200 OK", [("Content-Length", value)])
        self.refused(
            "MONODON_APP_BAD_LENGTH", "200 OK", [("Content-Length", "1"), ("content-length", "1")]
        )

    def test_body_shorter_than_its_length(self):
        for body in ("[b'abc']", "[]", "(b'a', b'b')", "lambda: iter([])"):
            self.refused(
                "MONODON_CONTENT_LENGTH_MISMATCH", "200 OK", [("Content-Length", "4")], body
            )

    def test_streamed_body_shorter_than_its_length(self):
        exchange = self.given("200 OK", [("Content-Length", "4")], "lambda: iter([b'a', b'b'])")
        self.server.next("head", exchange)
        self.assertEqual([self.server.next().kind for _ in range(3)], ["chunk", "chunk", "fail"])
        self.assertIn("declared 4 bytes, gave 2", self.server.errors())

    def test_body_longer_than_its_length(self):
        for body in (
            "[b'abcdef']",
            "[b'ab', b'cdef']",
            "(b'abc', b'', b'def')",
            "lambda: iter([b'abcdef'])",
            "lambda: iter([b'abc', b'd', b'ef'])",
            "lambda: iter([b'ab', b'cd', b'ef'])",
        ):
            before = self.server.errors().count("MONODON_CONTENT_LENGTH_MISMATCH")
            self.assertEqual(
                self.server.response(self.given("200 OK", [("Content-Length", "3")], body))[2],
                b"abc",
                body,
            )
            self.server.get(path="/was_closed")
            self.assertEqual(
                self.server.errors().count("MONODON_CONTENT_LENGTH_MISMATCH"), before + 1, body
            )

    def test_bad_bodies(self):
        for body in ("None", "b'abc'", "'abc'", "5", "{}"):
            self.refused("MONODON_APP_BAD_BODY", "200 OK", [], body)
        for body in (
            "['abc']",
            "[b'a', None]",
            "(bytearray(b'a'),)",
            "lambda: iter(['abc'])",
            "lambda: iter([5])",
        ):
            self.refused("MONODON_APP_BAD_CHUNK", "200 OK", [], body)

    def test_whole_bodies(self):
        for body, expected in (
            ("[b'a', b'b']", b"ab"),
            ("(b'a',)", b"a"),
            ("[]", b""),
            ("[b'']", b""),
            ("lambda: iter([])", b""),
        ):
            self.assertEqual(
                self.server.next("response", self.given("200 OK", [], body)).body, expected
            )
        self.assertEqual(
            self.server.next("response", self.server.request(path="/single")).body, b"alone"
        )

    def test_large_body(self):
        status, headers, body = self.server.response(self.given("200 OK", [], "[b'x' * 1000000]"))
        self.assertEqual(
            (status, headers, len(body)), (200, {"content-length": "1000000"}, 1000000)
        )
        status, headers, body = self.server.response(
            self.given("200 OK", [], "[b'a' * 100000, b'', b'b' * 100000]")
        )
        self.assertEqual(
            (headers, body), ({"content-length": "200000"}, b"a" * 100000 + b"b" * 100000)
        )
        fields = [("Content-Length", "150000")]
        body = self.server.response(self.given("200 OK", fields, "[b'a' * 100000, b'b' * 100000]"))[
            2
        ]
        self.assertEqual(body, b"a" * 100000 + b"b" * 50000)

    def test_fields_that_fill_a_batch(self):
        body = "([('X-%d' % at, 'v' * 60000) for at in range(5)])"
        before = len(self.server.errors())
        exchange = self.server.request(path="/many_fields", fields={"HTTP_X_GIVEN": body})
        self.assertEqual(self.server.next("fail", exchange).status, 500)
        self.assertIn("MONODON_BAD_HEADER GET /many_fields", self.server.errors()[before:])

    def test_head(self):
        for body in ("[b'abc']", "[b'a', b'bc']"):
            found = self.server.next("response", self.given("200 OK", [], body, "HEAD"))
            self.assertEqual(int(found.headers.get("content-length", len(found.body))), 3)
        found = self.server.next(
            "response", self.given("200 OK", [("Content-Length", "9")], "[]", "HEAD")
        )
        self.assertEqual((found.headers, found.body), ({"content-length": "9"}, b""))
        for body in ("[]", "[b'']", "lambda: iter([b'a', b'b'])", "lambda: iter([])"):
            exchange = self.given("200 OK", [], body, "HEAD")
            self.assertEqual(
                [self.server.next(exchange=exchange).kind for _ in range(2)], ["head", "end"]
            )

    def test_statuses_without_body(self):
        for body in ("[b'abc']", "[]"):
            found = self.server.next(
                "response", self.given("204 No Content", [("Content-Length", "3")], body)
            )
            self.assertEqual((found.headers, found.body), ({}, b""))
            exchange = self.given("304 Not Modified", [("ETag", "x")], body)
            self.assertEqual(
                [self.server.next(exchange=exchange).kind for _ in range(2)], ["head", "end"]
            )
        found = self.server.next(
            "response", self.given("304 Not Modified", [("Content-Length", "3")], "[]")
        )
        self.assertEqual((found.headers, found.body), ({"content-length": "3"}, b""))

    def test_start_response_twice(self):
        self.assertEqual(self.server.get(path="/twice")[0], 500)
        self.assertIn("MONODON_APP_STARTED_TWICE GET /twice", self.server.errors())

    def test_exc_info_after_the_head(self):
        self.assertEqual(self.server.get(path="/late"), (200, {}, None))
        self.assertIn("ValueError: too late", self.server.errors())

    def test_start_response_in_a_generator(self):
        self.assertEqual(
            self.server.get(path="/late_start"), (200, {"x-late": "yes"}, b"begun late")
        )

    def test_not_started(self):
        before = self.server.errors().count("MONODON_APP_NOT_STARTED")
        for path in ("/interrupts", "/exits", "/generator_exit"):
            self.assertEqual(self.server.get(path=path)[0], 500)
        self.assertIn("SystemExit: 3", self.server.errors())
        self.assertEqual(self.server.errors().count("MONODON_APP_NOT_STARTED"), before)

    def test_error_after_the_head(self):
        self.assertEqual(self.server.get(path="/half"), (200, {}, None))
        said = self.server.errors()
        self.assertIn(
            "MONODON_APP_THREW GET /half: the app failed: RuntimeError: the other half", said
        )
        self.assertNotIn("monodon_worker", said)
        self.assertEqual(self.server.get(path="/single")[0], 200)

    def test_early_hints(self):
        exchange = self.server.request(path="/hints")
        found = self.server.next("informational", exchange)
        self.assertEqual((found.status, found.headers), (103, {"link": "</a.css>; rel=preload"}))
        self.assertEqual(self.server.next("response", exchange).body, b"hinted")

    def test_close(self):
        self.assertEqual(self.server.get(path="/closing", query="good")[2], b"ab")
        self.assertEqual(self.server.get(path="/closing", query="throw")[0], 500)
        closed = self.server.get(path="/was_closed")[2].decode().split()
        self.assertEqual(closed, ["good", "throw"])

    def test_error_in_close(self):
        self.assertEqual(self.server.get(path="/closes_badly")[2], b"ok")
        self.server.get(path="/single")
        self.assertIn("RuntimeError: cannot close", self.server.errors())

    def test_nothing_works_after_the_response(self):
        self.server.get("POST", "/after", body=b"left alone")
        said = self.server.get(path="/use_kept")[2].decode()
        self.assertEqual(
            said, "BodyBroken MONODON_BODY_FINISHED,MonodonError MONODON_APP_WRITE_ENDED"
        )

    def test_control_characters_in_the_log(self):
        target = quote("/x") + "\x1b[31m"
        self.server.get(path=target)
        self.assertIn("\\u001b[31m", self.server.errors())
        self.assertNotIn("\x1b", self.server.errors())


class Development(unittest.TestCase):
    def test_traceback_goes_to_the_client(self):
        with Server(RAW, dev=True).boot() as server:
            status, headers, body = server.get(path="/exits")
            self.assertEqual(status, 500)
            self.assertEqual(headers["content-type"], "text/plain; charset=utf-8")
            self.assertIn(b"sys.exit(3)", body)
            self.assertTrue(body.endswith(b"SystemExit: 3\n"), body)

    def test_log_level(self):
        with Server(RAW, logLevel="critical").boot() as server:
            self.assertEqual(server.get(path="/exits")[0], 500)
            self.assertEqual(server.errors(), "")


if __name__ == "__main__":
    unittest.main()
