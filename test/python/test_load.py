"""Finding and loading the app, and what is said when that fails."""

import os
import sys
import tempfile
import textwrap
import unittest

from server import Server

HELLO = """
def {name}(environ, start_response):
    start_response("200 OK", [])
    return [b"{says}"]
"""
FILES = {
    "app.py": HELLO.format(name="app", says="app"),
    "usual.py": HELLO.format(name="application", says="application")
    + HELLO.format(name="app", says="app"),
    "package/__init__.py": "",
    "package/wsgi.py": "from . import inner\n\nclass site:\n    app = staticmethod(inner.app)\n",
    "package/inner.py": HELLO.format(name="app", says="inner"),
    "src/plain.py": HELLO.format(name="app", says="plain"),
    "factory.py": """
def create_app(text="default", debug=False):
    def app(environ, start_response):
        start_response("200 OK", [])
        return [repr((text, debug)).encode()]
    return app

def broken():
    raise RuntimeError("no database")

def gives_nothing():
    pass

def gives_factory():
    return gives_nothing

def one(settings=None):
    pass
""",
    "echo.ts": "",
    "needs.py": "import os\n\nimport nowhere_to_be_found.inside\n",
    "throws.py": "def deep():\n    raise KeyError('SECRET_KEY')\n\ndeep()\n",
    "leaves.py": "import sys\nsys.exit('bad settings')\n",
    "syntax.py": "def app(:\n    pass\n",
    "values.py": "app = 5\nother = None\ndef handler(e, s): pass\n",
    "lazy.py": "class L:\n    @property\n    def app(self): raise ValueError('not yet')\nl = L()\n",
    "asgi.py": "async def app(scope, receive, send): pass\n",
    "bare.py": "def app(): pass\n",
    "shapes.py": """
import functools

def answer(start_response, text):
    start_response("200 OK", [])
    return [text]

def bare():
    pass

@functools.wraps(bare)
def wrapped(environ, start_response):
    return answer(start_response, b"wrapped")

def anything(*args):
    return answer(args[1], b"anything")

class Class:
    def __init__(self, environ, start_response):
        self.body = answer(start_response, b"class")
    def __iter__(self):
        return iter(self.body)

class Instance:
    def __call__(self, environ, start_response):
        return answer(start_response, b"instance")

instance = Instance()
partial = functools.partial(lambda text, environ, start: answer(start, text), b"partial")
""",
    "imports_itself.py": "import imports_itself.missing\n",
}


class Loading(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = cls.temporary.name
        for name, text in FILES.items():
            path = os.path.join(cls.folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(textwrap.dedent(text))

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def says(self, app, **options):
        with Server(app=app, folder=self.folder, **options).boot() as server:
            self.assertEqual(server.ready["kind"], "python")
            self.reason = server.ready["reason"]
            return server.get()[2].decode()

    def fails(self, app):
        with Server(app=app, folder=self.folder) as server:
            server.tell(server.start)
            message = server.next("say").message
            self.assertEqual(message["type"], "failed")
            self.assertEqual(server.exit(), 3)
        self.assertIn(sys.executable, message["text"])
        self.assertNotIn("monodon_worker", message["text"])
        self.assertNotIn("importlib", message["text"])
        return message["text"]

    def test_names(self):
        for app, expected in (
            ("app", "app"),
            ("app:app", "app"),
            ("usual", "application"),
            ("usual:app", "app"),
            ("package.wsgi:site.app", "inner"),
            ("package/wsgi.py:site.app", "inner"),
            ("src/plain.py", "plain"),
            ("./src/plain.py:app", "plain"),
            (os.path.join(self.folder, "app.py"), "app"),
        ):
            self.assertEqual(self.says(app), expected, app)

    def test_factories(self):
        for call, expected in (
            ("create_app()", "('default', False)"),
            ("create_app('x:y', debug=True)", "('x:y', True)"),
            ("create_app(['a', {'b': 1}])", "(['a', {'b': 1}], False)"),
        ):
            self.assertEqual(self.says(f"factory:{call}"), expected)
            self.assertIn("factory.py", self.reason)

    def test_pythonpath(self):
        self.assertEqual(self.says("plain", pythonpath=["src"]), "plain")

    def test_missing_module(self):
        text = self.fails("ap:app")
        self.assertTrue(
            text.startswith(
                "the app cannot be found: there is no module 'ap'; did you mean 'app'? (MONODON_APP_NOT_FOUND"
            ),
            text,
        )
        self.assertIn("looked for: ap:app\n", text)
        self.assertIn(os.path.realpath(self.folder), text)
        self.assertIn("there is no module 'package.wsg'", self.fails("package.wsg:app"))
        self.assertIn("there is no module 'pack' of 'pack.wsgi'", self.fails("pack.wsgi:app"))
        self.assertIn("there is no file", self.fails("src/nothing.py:app"))

    def test_file_of_another_language(self):
        self.assertIn(": echo.ts is a file, but none of Python", self.fails("echo.ts"))
        self.assertNotIn("did you mean", self.fails("ech:app"))

    def test_missing_dependency(self):
        text = self.fails("needs:app")
        first = text.splitlines()[0]
        self.assertIn("needs imports 'nowhere_to_be_found', which is not installed in", first)
        self.assertIn("install nowhere_to_be_found", first)
        self.assertIn('needs.py", line 3', text)
        self.assertTrue(
            text.endswith("ModuleNotFoundError: No module named 'nowhere_to_be_found'"), text
        )
        self.assertIn("MONODON_APP_NOT_LOADED", self.fails("imports_itself:app"))

    def test_missing_attribute(self):
        text = self.fails("app:ap")
        self.assertIn(
            "app.py has no 'ap'; did you mean 'app'?; it has: app (MONODON_APP_NOT_FOUND", text
        )
        self.assertIn("values.py has no 'nothing'; it has: handler", self.fails("values:nothing"))
        self.assertIn(
            "'site' has no 'apq'; did you mean 'app'?", self.fails("package.wsgi:site.apq")
        )
        self.assertIn(
            "factory.py has no 'application' or 'app'; it has: create_app, broken",
            self.fails("factory"),
        )

    def test_no_callable(self):
        self.assertIn("'app' of values.py is 5, which cannot be called", self.fails("values"))
        self.assertIn("'other' of values.py is None", self.fails("values:other"))
        self.assertIn("gives_nothing() gives None", self.fails("factory:gives_nothing()"))
        self.assertIn("'app' is 5, which cannot be called", self.fails("values:app()"))
        self.assertIn("an asynchronous (ASGI) app", self.fails("asgi:app"))

    def test_no_place_for_two_arguments(self):
        for name in ("gives_nothing", "one"):
            self.assertIn(
                f"is the function {name}, which cannot be called with two arguments; "
                f"for a factory, name the call: factory:{name}()",
                self.fails(f"factory:{name}"),
            )
        self.assertIn("name the call: bare:app()", self.fails("bare"))
        said = self.fails("factory:gives_factory()")
        self.assertIn("cannot be called with two arguments (MONODON_APP_UNKNOWN", said)
        # A wrapper takes what it takes, whatever that which it wraps would.
        self.assertEqual(self.says("shapes:wrapped"), "wrapped")
        self.assertEqual(self.says("shapes:anything"), "anything")
        self.assertEqual(self.says("shapes:Class"), "class")
        self.assertEqual(self.says("shapes:instance"), "instance")
        self.assertEqual(self.says("shapes:partial"), "partial")

    def test_bad_names(self):
        for app in (
            "app:1",
            "app:a b",
            "app:a[0]",
            "app:a()()",
            "app:f(x)",
            "app:f(**{})",
            "app:f(*[1])",
        ):
            self.assertIn("MONODON_APP_NOT_FOUND", self.fails(app).splitlines()[0], app)
        self.assertIn("names no module", self.fails(":app"))

    def test_errors_of_the_app(self):
        text = self.fails("throws:app")
        self.assertTrue(
            text.startswith(
                "the app failed while it was loaded: KeyError: 'SECRET_KEY' (MONODON_APP_NOT_LOADED"
            ),
            text,
        )
        self.assertIn("in deep\n", text)
        self.assertTrue(text.endswith("KeyError: 'SECRET_KEY'"), text)
        self.assertTrue(self.fails("factory:broken()").endswith("RuntimeError: no database"))
        self.assertTrue(self.fails("leaves").endswith("SystemExit: bad settings"))
        self.assertTrue(self.fails("lazy:l.app").endswith("ValueError: not yet"))

    def test_wrong_arguments_of_a_factory(self):
        self.assertIn(
            "TypeError: create_app() got an unexpected keyword",
            self.fails("factory:create_app(nope=1)"),
        )

    def test_syntax_error(self):
        text = self.fails("syntax:app")
        self.assertTrue(text.startswith("the app cannot be parsed: SyntaxError: "), text)
        self.assertIn("MONODON_APP_SYNTAX", text.splitlines()[0])
        self.assertIn('syntax.py", line 1', text)
        self.assertIn("SyntaxError: invalid syntax", text)


if __name__ == "__main__":
    unittest.main()
