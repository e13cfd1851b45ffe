"""The errors that the app or a client can cause.

GENERATED from lib/errors.ts by npm run generate. Do not edit.
"""

# By code: what happened, what to do, who is to blame, the status for the client.
ERRORS = {
    "MONODON_BAD_REQUEST": (
        "the request is not valid HTTP",
        "correct the client",
        "client",
        400,
    ),
    "MONODON_URI_TOO_LONG": (
        "the request line is longer than limit-request-line",
        "send a shorter target, or raise limit-request-line",
        "client",
        414,
    ),
    "MONODON_HEAD_TOO_LARGE": (
        "the request has more or longer header fields than limit-request-fields and limit-request-field-size allow",
        "send fewer or shorter fields (cookies are the usual cause), or raise the limits",
        "client",
        431,
    ),
    "MONODON_HEADER_TIMEOUT": (
        "the head of the request did not arrive within header-timeout",
        "send faster, or raise header-timeout",
        "client",
        408,
    ),
    "MONODON_SEND_TIMEOUT": (
        "the client took no byte of the response for send-timeout",
        "read the response, or raise send-timeout",
        "client",
        None,
    ),
    "MONODON_BODY_TRUNCATED": (
        "the client left before it had sent the whole body",
        "nothing: the request cannot be completed",
        "client",
        400,
    ),
    "MONODON_BODY_MALFORMED": (
        "the request body is not framed as HTTP requires",
        "correct the client",
        "client",
        400,
    ),
    "MONODON_BODY_TOO_LARGE": (
        "the request body is larger than limit-request-body",
        "send less, or raise limit-request-body",
        "client",
        413,
    ),
    "MONODON_BODY_TIMED_OUT": (
        "the request body made no progress for body-timeout",
        "send faster, or raise body-timeout",
        "client",
        408,
    ),
    "MONODON_BODY_ABORTED": (
        "the client has gone",
        "stop reading when the signal aborts",
        "client",
        None,
    ),
    "MONODON_APP_THREW": (
        "the app failed",
        "see the traceback",
        "app",
        500,
    ),
    "MONODON_APP_BAD_STATUS": (
        "the app gave a status that is not a final status code and a reason",
        "call start_response with a str such as '200 OK'; codes are 200 to 999",
        "app",
        500,
    ),
    "MONODON_APP_BAD_HEADERS": (
        "the app gave headers that are not a list of (name, value) tuples of str",
        "pass a list such as [('Content-Type', 'text/plain')]",
        "app",
        500,
    ),
    "MONODON_APP_HOP_BY_HOP": (
        "the app set a header field that belongs to the connection",
        "remove it: the server frames the response and keeps the connection",
        "app",
        500,
    ),
    "MONODON_APP_BAD_LENGTH": (
        "the app set a content-length that is not one decimal number",
        "set it once, to the number of bytes of the body, or not at all",
        "app",
        500,
    ),
    "MONODON_APP_ANSWERED_TWICE": (
        "the app answered a request that it had answered before",
        "answer each request once",
        "app",
        500,
    ),
    "MONODON_APP_STARTED_TWICE": (
        "the app called start_response a second time without exc_info",
        "call it once; pass sys.exc_info() as third argument to replace a head that is not sent yet",
        "app",
        500,
    ),
    "MONODON_APP_NOT_STARTED": (
        "the app gave a body without having called start_response",
        "call start_response before the first chunk that is not empty, and before the end",
        "app",
        500,
    ),
    "MONODON_APP_BAD_BODY": (
        "the app returned something that is not an iterable body",
        "return a list of bytes, a generator, or another iterable of bytes",
        "app",
        500,
    ),
    "MONODON_APP_BAD_CHUNK": (
        "the app gave a body chunk that is not bytes",
        "encode text, for example with text.encode()",
        "app",
        500,
    ),
    "MONODON_APP_WRITE_ENDED": (
        "the app wrote to a response that had ended",
        "write before the body that the app returned comes to its end",
        "app",
        None,
    ),
    "MONODON_APP_NOT_WSGI": (
        "the validator found a breach of WSGI",
        "correct the side that the message names",
        "app",
        500,
    ),
    "MONODON_APP_CLOSED": (
        "the app destroyed the request or its connection before the response was complete",
        "end the response, or destroy it with an error that says why",
        "app",
        500,
    ),
    "MONODON_APP_NO_RESPONSE": (
        "the app did not return a Response",
        "return a Response, or a promise of one, from every branch of fetch",
        "app",
        500,
    ),
    "MONODON_RESPONSE_USED": (
        "the body of the Response that the app returned was read already",
        "return a new Response for each request, or response.clone() before it is read",
        "app",
        500,
    ),
    "MONODON_BAD_HEADER": (
        "the app set a header field that HTTP does not allow",
        "remove CR, LF, control characters and characters outside latin1",
        "app",
        500,
    ),
    "MONODON_BODY_FINISHED": (
        "the request body was read after the response had ended",
        "read the body before the response is complete",
        "app",
        None,
    ),
    "MONODON_CONTENT_LENGTH_MISMATCH": (
        "the response has more or fewer bytes than its content-length says",
        "set the right content-length, or none",
        "app",
        500,
    ),
    "MONODON_BAD_RESPONSE": (
        "the response cannot be sent as HTTP",
        "correct the status or the header fields that the detail names",
        "app",
        500,
    ),
    "MONODON_WORKER_DIED": (
        "a worker ended, and with it what it held",
        "see the worker's last message; find what throws outside of the app's handlers, ends the process, or takes all memory",
        "app",
        502,
    ),
    "MONODON_WORKER_HUNG": (
        "a worker that held the request did not respond for timeout, and was killed",
        "find what blocks the app (its last log lines may tell), or raise timeout",
        "app",
        504,
    ),
    "MONODON_FILE_FAILED": (
        "a file that the app handed over could not be read as far as was announced",
        "do not truncate files that are being sent; see the detail",
        "app",
        500,
    ),
    "MONODON_APP_NOT_FOUND": (
        "the app cannot be found",
        "name it as MODULE:NAME, for example app:app",
        "operator",
        None,
    ),
    "MONODON_APP_UNKNOWN": (
        "no interface fits the app",
        "name a WSGI callable: app(environ, start_response)",
        "operator",
        None,
    ),
    "MONODON_APP_NOT_LOADED": (
        "the app failed while it was loaded",
        "see the traceback",
        "app",
        None,
    ),
    "MONODON_APP_SYNTAX": (
        "the app cannot be parsed",
        "correct the file",
        "app",
        None,
    ),
}
