"""The hello app for the Python servers."""

import time
from email.utils import formatdate

HELLO = b"Hello, World!"
HEADERS = [("Content-Type", "text/plain"), ("Content-Length", str(len(HELLO)))]


def app(environ, start_response):
    start_response("200 OK", HEADERS)
    return [HELLO]


def app_with_date(environ, start_response):
    """For servers that send no Date by themselves."""
    start_response("200 OK", HEADERS + [("Date", date())])
    return [HELLO]


_date = (0, "")


def date():
    """The value of a Date field, made once a second."""
    global _date
    now = int(time.time())
    if _date[0] != now:
        _date = (now, formatdate(now, usegmt=True))
    return _date[1]
