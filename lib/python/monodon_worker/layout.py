"""The record layout: what crosses between the server and a worker.

GENERATED from lib/bridge/layout.ts, which describes it, by npm run generate. Do not edit.
"""

LAYOUT_VERSION = 7

KIND_REQUEST = 1
KIND_BODY_CHUNK = 2
KIND_BODY_END = 3
KIND_BODY_BROKEN = 4
KIND_ABORT = 5
KIND_DRAIN = 6
KIND_RELEASED = 7
KIND_ENVIRON = 8
KIND_STOP = 9
KIND_TELL = 10
KIND_MESSAGE_IN = 11
KIND_CLOSED = 12
KIND_GOING_AWAY = 13
KIND_RESPONSE = 32
KIND_HEAD = 33
KIND_CHUNK = 34
KIND_END = 35
KIND_FAIL = 36
KIND_WANT_BODY = 37
KIND_INFORMATIONAL = 38
KIND_DONE = 39
KIND_FILE = 40
KIND_SAY = 41
KIND_UPGRADE = 42
KIND_ACCEPT = 43
KIND_MESSAGE_OUT = 44
KIND_CLOSE = 45

FLAG_BODY_FOLLOWS = 1
FLAG_TLS = 2
FLAG_UPGRADABLE = 4
FLAG_WEBSOCKET = 8
FLAG_MOUNTED = 16
FLAG_ENCRYPTED = 32
FLAG_OVER = 1
FLAG_COMPLETE = 1
FLAG_COUNTED = 1
FLAG_LENT = 1
FLAG_NOTIFY = 2
FLAG_OVERFLOW = 1
FLAG_TEXT = 4
FLAG_MORE = 8

# Words of an environ record.
ENVIRON_NAME_BYTES = 3
ENVIRON_VALUE_BYTES = 4
ENVIRON_BODY_BYTES = 5
ENVIRON_LENGTH_LOW = 6
ENVIRON_LENGTH_HIGH = 7
ENVIRON_BYTES = 8

# Words before each batch.
BATCH_HEAD_BYTES = 0
BATCH_HEAD_RECORDS = 1
BATCH_HEAD_TAKE = 2
BATCH_HEAD_WORDS = 3

BATCH_BYTES = 262_144
BATCH_RECORDS = 64
BATCH_FILES = 16
HIGH_WATER_BYTES = 65_536
AHEAD_BYTES = 262_144
BODY_WINDOW_BYTES = 262_144

BODY_FAULTS = (
    "truncated",
    "malformed",
    "too-large",
    "timed-out",
    "aborted",
    "finished",
)

# Field names with a number, in lower case.
HEADER_CODES = {
    "accept": 1,
    "accept-charset": 2,
    "accept-encoding": 3,
    "accept-language": 4,
    "accept-ranges": 5,
    "access-control-allow-credentials": 6,
    "access-control-allow-headers": 7,
    "access-control-allow-methods": 8,
    "access-control-allow-origin": 9,
    "access-control-expose-headers": 10,
    "access-control-max-age": 11,
    "access-control-request-headers": 12,
    "access-control-request-method": 13,
    "age": 14,
    "allow": 15,
    "alt-svc": 16,
    "authorization": 17,
    "cache-control": 18,
    "connection": 19,
    "content-disposition": 20,
    "content-encoding": 21,
    "content-language": 22,
    "content-length": 23,
    "content-location": 24,
    "content-range": 25,
    "content-security-policy": 26,
    "content-type": 27,
    "cookie": 28,
    "cross-origin-opener-policy": 29,
    "cross-origin-resource-policy": 30,
    "date": 31,
    "dnt": 32,
    "etag": 33,
    "expect": 34,
    "expires": 35,
    "forwarded": 36,
    "from": 37,
    "host": 38,
    "if-match": 39,
    "if-modified-since": 40,
    "if-none-match": 41,
    "if-range": 42,
    "if-unmodified-since": 43,
    "keep-alive": 44,
    "last-modified": 45,
    "link": 46,
    "location": 47,
    "origin": 48,
    "pragma": 49,
    "priority": 50,
    "range": 51,
    "referer": 52,
    "referrer-policy": 53,
    "retry-after": 54,
    "sec-ch-ua": 55,
    "sec-ch-ua-mobile": 56,
    "sec-ch-ua-platform": 57,
    "sec-fetch-dest": 58,
    "sec-fetch-mode": 59,
    "sec-fetch-site": 60,
    "sec-fetch-user": 61,
    "server": 62,
    "server-timing": 63,
    "set-cookie": 64,
    "strict-transport-security": 65,
    "te": 66,
    "traceparent": 67,
    "tracestate": 68,
    "trailer": 69,
    "transfer-encoding": 70,
    "upgrade": 71,
    "upgrade-insecure-requests": 72,
    "user-agent": 73,
    "vary": 74,
    "via": 75,
    "www-authenticate": 76,
    "x-content-type-options": 77,
    "x-forwarded-for": 78,
    "x-forwarded-host": 79,
    "x-forwarded-proto": 80,
    "x-frame-options": 81,
    "x-powered-by": 82,
    "x-real-ip": 83,
    "x-request-id": 84,
    "x-requested-with": 85,
    "x-xss-protection": 86,
}
