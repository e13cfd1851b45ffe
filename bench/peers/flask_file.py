"""A file of the folder STATIC by Flask's send_file, as an app gives it that decides who may have it."""

import os

from flask import Flask, send_file

from wsgi import date

FILE = os.path.join(os.environ["STATIC"], "50k.txt")

app = Flask(__name__)


@app.route("/static/50k.txt")
def file():
    return send_file(FILE, mimetype="text/plain")


def app_with_date(environ, start_response):
    """For servers that send no Date by themselves."""

    def start(status, headers, exc_info=None):
        has_date = any(name.lower() == "date" for name, _ in headers)
        return start_response(status, headers if has_date else headers + [("Date", date())], exc_info)

    return app(environ, start)
