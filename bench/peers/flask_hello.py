"""The hello app in Flask."""

from flask import Flask

from wsgi import date

app = Flask(__name__)


@app.route("/")
def hello():
    return "Hello, World!", {"Content-Type": "text/plain"}


def app_with_date(environ, start_response):
    """For servers that send no Date by themselves."""

    def start(status, headers, exc_info=None):
        return start_response(status, headers + [("Date", date())], exc_info)

    return app(environ, start)
