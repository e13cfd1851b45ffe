"""What a request costs in the worker: microseconds of its CPU time for each, in batches.

    python3 test/python/bench_hello.py [SECONDS]

The server's side writes batches that were made before, as large as the worker asks for, and reads
the answers without looking at them. CPU time of the worker is what counts: it includes its reads
and writes, and leaves out what the server's side costs.
"""

import os
import struct
import sys
import time

from server import Server, request

APPS = {
    "bare": """
        def app(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
            return [b"Hello"]
        """,
    "other lengths": """
        count = 0

        def app(environ, start_response):
            global count
            count += 1
            body = b"x" * (count % 1000)
            start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
            return [body]
        """,
    "generator": """
        def app(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
            yield b"Hello"
        """,
    "flask": """
        from flask import Flask
        app = Flask(__name__)

        @app.route("/")
        def home():
            return "Hello from Flask!"
        """,
}
#: As a browser behind a proxy would send them; a load generator sends fewer.
FIELDS = {
    "HTTP_HOST": "127.0.0.1:8000",
    "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "HTTP_ACCEPT": "text/html,application/xhtml+xml,*/*;q=0.8",
    "HTTP_ACCEPT_ENCODING": "gzip, deflate, br",
}


def cpu_seconds(pid):
    """CPU time of all threads of a process (Linux)."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
            total += int(file.read().split()[0])
    return total / 1e9


def pump(server, seconds, most):
    """Answers each take with a batch of `most` requests or fewer; gives the number of both."""
    connection = server.socket
    made = {
        n: struct.pack("<3I", len(data), n, 0) + data
        for n in range(1, most + 1)
        for data in [b"".join(request(id, fields=FIELDS) for id in range(1, n + 1))]
    }
    served = batches = 0
    take = min(server.wait_take(), most)
    buffer = b""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        connection.sendall(made[take])
        served += take
        batches += 1
        take = 0
        while not take:
            buffer += connection.recv(1 << 20)
            while len(buffer) >= 12:
                size, _, asked = struct.unpack_from("<3I", buffer)
                if len(buffer) < 12 + size:
                    break
                take = take or min(asked, most)
                buffer = buffer[12 + size :]
    return served, batches


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 2
    for name, source in APPS.items():
        for most in (1, 8, 64):
            for threads in (1, 4):
                try:
                    server = Server(source, threads=threads).boot()
                except AssertionError as error:
                    print(f"{name}: {str(error).splitlines()[0][:100]}")
                    break
                with server:
                    pump(server, seconds / 4, most)
                    before = cpu_seconds(server.process.pid)
                    served, batches = pump(server, seconds, most)
                    used = cpu_seconds(server.process.pid) - before
                what = f"{name}, batches up to {most}, {threads} thread{'s'[: threads - 1]}"
                print(
                    f"{what:44} {used / served * 1e6:7.2f} us, {served / batches:.0f} a batch",
                    flush=True,
                )


if __name__ == "__main__":
    main()
    os._exit(0)
