"""Tells what it sees of a request: who has sent it, and where the app is."""

import json


def app(environ, start_response):
    """The WSGI application."""
    port = environ["REMOTE_PORT"]
    seen = {
        "address": environ["REMOTE_ADDR"],
        "port": int(port) if port else 0,
        "scheme": environ["wsgi.url_scheme"],
        "host": environ["HTTP_HOST"],
        "script": environ["SCRIPT_NAME"],
        "path": environ["PATH_INFO"],
        "fields": {
            key[5:].lower(): value
            for key, value in environ.items()
            if key.startswith("HTTP_") and key != "HTTP_HOST"
        },
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(seen).encode()]
