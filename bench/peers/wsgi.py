"""The hello app for the Python servers."""

import time
from email.utils import formatdate

HELLO = b"Hello, World!"
HEADERS = [("Content-Type", "text/plain"), ("Content-Length", str(len(HELLO)))]


def app(environ, start_response):
    start_response("200 OK", HEADERS)
    return [HELLO]


_date = (0, "")


def app_with_date(environ, start_response):
    """For servers that send no Date by themselves."""
    global _date
    now = int(time.time())
    if _date[0] != now:
        _date = (now, formatdate(now, usegmt=True))
    start_response("200 OK", HEADERS + [("Date", _date[1])])
    return [HELLO]
