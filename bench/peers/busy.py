"""A WSGI app that computes for as long as it is asked to: /busy/MS."""

import time

HELLO = b"Hello, World!"


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path.startswith("/busy/"):
        end = time.perf_counter() + int(path[len("/busy/") :]) / 1000
        while time.perf_counter() < end:
            pass
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(HELLO)))]
    start_response("200 OK", headers)
    return [HELLO]
