"""The process: signals, the end, descriptors, the log."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest

from server import FACTS, OPTIONS, PACKAGE, PATIENCE, Server, layout

APP = """
    import atexit, os, signal, subprocess, sys, threading

    atexit.register(lambda: os.write(2, b"atexit ran\\n"))
    gate = threading.Event()

    def read(environ, start_response):
        data = environ["wsgi.input"].read()
        start_response("200 OK", [])
        return [data]

    def inherited(environ, start_response):
        code = (
            "import os, signal\\n"
            "for fd in os.listdir('/proc/self/fd'):\\n"
            "    if os.path.exists(f'/proc/self/fd/{fd}') or os.path.islink(f'/proc/self/fd/{fd}'):\\n"
            "        print(os.readlink(f'/proc/self/fd/{fd}'))\\n"
            "if signal.SIG_IGN in (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)):\\n"
            "    print('ignored')\\n"
        )
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, close_fds=False, check=True)
        start_response("200 OK", [])
        return [said.stdout]

    def blocks(environ, start_response):
        gate.wait(60)

    def prints(environ, start_response):
        print("to the log", file=sys.stderr)
        start_response("200 OK", [("X-Argv", repr(sys.argv)), ("X-Path", repr(sys.path[:2]))])
        return [b"printed"]

    def forks(environ, start_response):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                said = [name for name in os.listdir("/proc/self/fd") if is_socket(name)]
                os.write(writing, repr(said).encode())
                signal.pause()
            finally:
                os._exit(1)
        said = os.read(reading, 100)
        os.kill(child, signal.SIGTERM)
        status = os.waitpid(child, 0)[1]
        start_response("200 OK", [("X-Signal", str(os.WTERMSIG(status)))])
        return [said]

    def is_socket(name):
        try:
            return os.readlink("/proc/self/fd/" + name) == ours
        except OSError:
            return False

    ours = os.readlink("/proc/self/fd/3") if os.path.isdir("/proc/self/fd") else None

    def crashes(environ, start_response):
        os._exit(9)

    def app(environ, start_response):
        return globals()[environ["PATH_INFO"][1:]](environ, start_response)
    """


class Process(unittest.TestCase):
    def test_stop(self):
        for threads in (1, 2):
            with Server(APP, threads=threads).boot() as server:
                server.get(path="/prints")
                server.stop()
                self.assertEqual(server.exit(), 0)
                self.assertIn("atexit ran", server.errors())

    def test_stop_while_a_request_waits(self):
        for threads in (1, 2):
            with Server(APP, threads=threads).boot() as server:
                exchange = server.request("POST", "/read", follows=True)
                server.next("want_body", exchange)
                server.stop()
                server.body(exchange, b"to the end")
                self.assertEqual(server.next("response", exchange).body, b"to the end")
                self.assertEqual(server.exit(), 0)
                self.assertIn("atexit ran", server.errors())

    def test_stop_does_not_wait_for_ever(self):
        with Server(APP, threads=2).boot() as server:
            server.request(path="/blocks")
            server.stop(100)
            self.assertEqual(server.exit(), 0)

    def test_end_of_the_socket(self):
        for threads in (1, 2):
            with Server(APP, threads=threads).boot() as server:
                if threads == 2:
                    server.request(path="/blocks")
                server.socket.close()
                self.assertEqual(server.exit(), 0)

    def test_end_of_the_socket_while_a_body_is_read(self):
        with Server(APP).boot() as server:
            exchange = server.request("POST", "/read", follows=True)
            server.next("want_body", exchange)
            server.socket.close()
            self.assertEqual(server.exit(), 0)

    def test_end_before_the_start(self):
        with Server(APP) as server:
            server.socket.close()
            self.assertEqual(server.exit(), 0)

    def test_signals_of_the_group(self):
        with Server(APP).boot() as server:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                server.process.send_signal(number)
                self.assertEqual(server.get(path="/prints")[2], b"printed")

    def test_stacks_of_a_worker_that_hangs(self):
        with Server(APP, threads=2).boot() as server:
            server.request(path="/blocks")
            server.wait_take()
            # The dump is written in the handler; a heartbeat is answered after it.
            while "in blocks" not in server.errors():
                server.process.send_signal(signal.SIGUSR1)
                server.send()
                server.receive()

    @unittest.skipUnless(os.path.isdir("/proc/self/fd"), "no /proc")
    def test_children_inherit_nothing(self):
        with Server(APP).boot() as server:
            said = server.get(path="/inherited")[2].decode()
            ours = os.readlink(f"/proc/{server.process.pid}/fd/3")
            self.assertTrue(ours.startswith("socket:"))
            self.assertIn("pipe:", said)
            self.assertNotIn(ours, said)
            self.assertNotIn("ignored", said)

    @unittest.skipUnless(os.path.isdir("/proc/self/fd"), "no /proc")
    def test_forked_children(self):
        with Server(APP).boot() as server:
            _, headers, said = server.get(path="/forks")
            self.assertEqual((headers["x-signal"], said), (str(int(signal.SIGTERM)), b"[]"))

    def test_environment_of_the_app(self):
        with (
            tempfile.TemporaryDirectory() as extra,
            Server(APP, pythonpath=[extra]).boot() as server,
        ):
            headers = server.get(path="/prints")[1]
            self.assertEqual(eval(headers["x-argv"]), ["monodon"])
            path = [os.path.realpath(folder) for folder in eval(headers["x-path"])]
            self.assertEqual(path, [os.path.realpath(extra), os.path.realpath(server.folder)])
            self.assertIn("to the log\n", server.errors())

    def test_reopened_log(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "error.log")
            with Server(APP, errorLogfile=path).boot() as server:
                server.get(path="/prints")
                server.tell({"type": "reopenLogs"})
                server.get(path="/prints")
                with open(path) as file:
                    self.assertEqual(file.read(), "to the log\n")

    def test_crash(self):
        with Server(APP).boot() as server:
            server.request(path="/crashes")
            self.assertEqual(server.exit(), 9)

    def test_started_by_hand(self):
        found = subprocess.run(
            [sys.executable, PACKAGE, "app:app"],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            close_fds=True,
            check=False,
        )
        self.assertEqual(found.returncode, 2)
        self.assertIn("run: monodon APP", found.stderr)


class Check(unittest.TestCase):
    def check(self, source, app="app:app"):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "app.py"), "w") as file:
                file.write(source)
            start = {
                "type": "start",
                "layout": layout.LAYOUT_VERSION,
                "app": app,
                "name": "check",
                "options": OPTIONS,
                "facts": FACTS,
            }
            found = subprocess.run(
                [sys.executable, PACKAGE, "--check", json.dumps(start)],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
            return found.returncode, json.loads(found.stdout), found.stderr

    def test_good(self):
        status, message, errors = self.check("print('hello')\ndef app(e, s): pass\n")
        self.assertEqual((status, message["type"], message["kind"]), (0, "ready", "python"))
        self.assertEqual(errors, "hello\n")

    def test_bad(self):
        status, message, _ = self.check("app = 5\n")
        self.assertEqual((status, message["type"]), (3, "failed"))
        self.assertIn("'app' of app.py is 5, which cannot be called", message["text"])


if __name__ == "__main__":
    unittest.main()
