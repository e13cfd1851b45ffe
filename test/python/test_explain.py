"""`dev` and `reload`: what a developer sees, and which files the worker tells of."""

import json
import os
import tempfile
import unittest

from server import Server

APP = """
    import helper

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/late":
            import late
        if environ["PATH_INFO"] == "/ok":
            start_response("200 OK", [])
            return [b"ok"]
        if environ["PATH_INFO"] == "/bad":
            start_response("200 OK", {})
        try:
            helper.divide()
        except ZeroDivisionError as error:
            raise ValueError("<b>bad</b> \\x1b[31m\\u202e") from error
"""
HTML = (("HTTP_ACCEPT", "text/html,*/*;q=0.8"),)
JSON = (("HTTP_ACCEPT", "application/json"), ("HTTP_COOKIE", "a=secret"))


class Project(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.folder = os.path.realpath(self.temporary.name)
        self.write("helper.py", "def divide():\n    return 1 / 0\n")
        self.write("late.py", "")
        self.write("app.py", "\n".join(line[4:] for line in APP.split("\n")))

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)

    def path(self, name):
        return os.path.join(self.folder, name)

    def server(self, **options):
        return Server(folder=self.folder, **options)


class Pages(Project):
    def get(self, path, fields=(), **options):
        with self.server(**{"dev": True, **options}).boot() as server:
            status, answered, body = server.get(path=path, fields=fields)
            self.assertEqual(status, 500)
            return dict(answered), body.decode()

    def test_html(self):
        fields, page = self.get("/any<p>", HTML)
        self.assertEqual(fields["content-type"], "text/html; charset=utf-8")
        self.assertIn("default-src 'none'", fields["content-security-policy"])
        self.assertIn("<h1>ValueError: &lt;b&gt;bad&lt;/b&gt; \\u001b[31m\\u202e</h1>", page)
        self.assertIn("<h2>Caused by ZeroDivisionError: division by zero</h2>", page)
        self.assertIn('<span class="here"><i>2</i>    return 1 / 0</span>', page)
        self.assertIn("<figcaption>helper.py:2 in divide</figcaption>", page)
        self.assertIn("<code>GET /any&lt;p&gt;</code>", page)
        self.assertNotIn("monodon_worker", page)
        self.assertNotRegex(page, "<b>|<p>any|[\x00-\x08\x0b-\x1f\u202e]")

    def test_json(self):
        fields, page = self.get("/", JSON, threads=2)
        self.assertEqual(fields["content-type"], "application/json")
        self.assertNotIn("secret", page)
        shown = json.loads(page)
        self.assertEqual(shown["error"]["name"], "ValueError")
        self.assertEqual(
            shown["error"]["cause"]["stack"], ["helper.py:2 in divide", "app.py:13 in app"]
        )
        self.assertEqual(shown["request"]["target"], "/")
        self.assertRegex(shown["versions"]["monodon"], r"^\d+\.\d+\.\d+$")

    def test_text(self):
        fields, page = self.get("/")
        self.assertEqual(fields["content-type"], "text/plain; charset=utf-8")
        self.assertTrue(page.startswith("Traceback (most recent call last):\n"), page)
        self.assertIn("ZeroDivisionError: division by zero\n", page)
        self.assertNotIn("\x1b", page)

    def test_errors_of_the_worker_have_a_code(self):
        page = self.get("/bad", HTML)[1]
        self.assertIn("<code>MONODON_APP_BAD_HEADERS</code> To do: pass a list", page)

    def test_an_error_that_cannot_be_shown(self):
        self.write(
            "app.py",
            "class Bad(Exception):\n"
            "    def __str__(self): raise RuntimeError('no')\n"
            "def app(environ, start_response): raise Bad()\n",
        )
        self.assertEqual(self.get("/", HTML)[1], "The error cannot be shown. See the log.\n")


class Files(Project):
    def told(self, server, until):
        """The names of files that the worker tells of before the message of this type."""
        files = {}
        while True:
            message = server.next("say").message
            if message["type"] == until:
                return {os.path.basename(path): version for path, version in files.items()}
            self.assertEqual(message["type"], "loaded")
            files.update(message["files"])

    def version(self, name):
        stats = os.stat(self.path(name))
        return f"{stats.st_mtime_ns}:{stats.st_size}"

    def test_are_told_when_they_are_loaded(self):
        with self.server(reload=True) as server:
            server.tell(server.start)
            found = self.told(server, "ready")
            self.assertEqual(found["app.py"], self.version("app.py"))
            self.assertEqual(found["helper.py"], self.version("helper.py"))
            self.assertNotIn("late.py", found)
            self.assertNotIn("json/__init__.py", found)
            self.assertFalse([name for name in found if name in ("worker.py", "socket.py")])
            server.get(path="/ok")
            late = server.request(path="/late")
            message = server.next("say").message
            self.assertEqual(message["type"], "loaded")
            self.assertEqual(message["files"], [[self.path("late.py"), self.version("late.py")]])
            self.assertIsNotNone(server.response(late))

    def test_are_not_told_unless_asked_for(self):
        with self.server() as server:
            server.tell(server.start)
            self.assertEqual(server.next("say").message["type"], "ready")

    def test_are_told_of_what_fails_and_of_what_is_missing(self):
        for source in ("import missing_one", "def = 1", "raise KeyError('x')"):
            self.write("helper.py", source)
            with self.server(reload=True) as server:
                server.tell(server.start)
                found = self.told(server, "failed")
                self.assertIn("helper.py", found)
                self.assertEqual(
                    found.get("missing_one.py"), "" if "missing" in source else None
                )
                self.assertEqual(server.exit(), 3)

    def test_one_that_changes_during_the_load_has_no_version(self):
        self.write("helper.py", "import os\nos.utime(__file__)\ndef divide(): pass\n")
        with self.server(reload=True) as server:
            server.tell(server.start)
            found = self.told(server, "ready")
            self.assertEqual(found["helper.py"], "")
            self.assertNotEqual(found["app.py"], "")


class Broken(Project):
    def broken(self, path="/", fields=(), **options):
        self.write("helper.py", "def = 1\n")
        with self.server(reload=True, **options) as server:
            server.start["staysBroken"] = True
            server.tell(server.start)
            messages = []
            while not messages or messages[-1]["type"] == "loaded":
                messages.append(server.next("say").message)
            self.assertEqual(messages[-1]["type"], "broken")
            self.assertIn("SyntaxError", messages[-1]["text"])
            server.wait_take()
            return server.get(path=path, fields=fields)

    def test_answers_without_the_error(self):
        status, _, body = self.broken()
        self.assertEqual(status, 500)
        self.assertEqual(body, b"The app cannot be loaded. The log of the server says why.\n")

    def test_answers_with_the_error_for_a_developer(self):
        status, _, body = self.broken(fields=HTML, dev=True)
        self.assertEqual(status, 500)
        page = body.decode()
        self.assertIn("<h1>CannotLoad: the app cannot be parsed: SyntaxError", page)
        self.assertIn("<code>MONODON_APP_SYNTAX</code>", page)
        self.assertIn('<span class="here"><i>1</i>def = 1</span>', page)
        self.assertIn("MONODON_APP_SYNTAX", self.broken(dev=True)[2].decode())
