import { inspect } from 'node:util'

/** Who has to act on an error. */
export type Blame = 'client' | 'app' | 'server' | 'operator'

interface ErrorRow {
  /** What happened. */
  readonly message: string
  /** What to do about it. */
  readonly hint: string
  readonly blame: Blame
  /** The status a client gets for it, when it gets one. */
  readonly status?: number
  /** What `monodon` exits with when it cannot go on; 1 when not given. */
  readonly exit?: number
  /** How the Python worker says it, where names or types differ there. */
  readonly python?: { readonly message?: string; readonly hint?: string }
}

/**
 * Every error that monodon raises or logs. Native code names its faults by the same codes; the
 * tests compare both.
 */
export const ERRORS = {
  // -- the client
  MONODON_BAD_REQUEST: {
    message: 'the request is not valid HTTP',
    hint: 'correct the client',
    blame: 'client',
    status: 400,
  },
  MONODON_URI_TOO_LONG: {
    message: 'the request line is longer than limit-request-line',
    hint: 'send a shorter target, or raise limit-request-line',
    blame: 'client',
    status: 414,
  },
  MONODON_HEAD_TOO_LARGE: {
    message:
      'the request has more or longer header fields than limit-request-fields and limit-request-field-size allow',
    hint: 'send fewer or shorter fields (cookies are the usual cause), or raise the limits',
    blame: 'client',
    status: 431,
  },
  MONODON_HEADER_TIMEOUT: {
    message: 'the head of the request did not arrive within header-timeout',
    hint: 'send faster, or raise header-timeout',
    blame: 'client',
    status: 408,
  },
  MONODON_SEND_TIMEOUT: {
    message: 'the client took no byte of the response for send-timeout',
    hint: 'read the response, or raise send-timeout',
    blame: 'client',
  },
  MONODON_PROXY_PROTOCOL: {
    message: 'a connection did not begin with the PROXY protocol as it has to',
    hint: 'have the proxy send it (send-proxy-v2 in HAProxy), list the proxy in --proxy-allow-ips, or set --proxy-protocol optional or off',
    blame: 'client',
  },
  MONODON_TLS_HANDSHAKE_FAILED: {
    message: 'no encrypted connection could be made with the client',
    hint: 'if it is one of yours, correct it; scanners and old browsers fail too',
    blame: 'client',
  },
  MONODON_TOO_MANY_CONNECTIONS: {
    message: 'a client has more connections open than limit-connections-per-ip allows',
    hint: 'have it close some, or raise the limit; a proxy in front belongs into forwarded-allow-ips',
    blame: 'client',
  },
  MONODON_HTTP2_FLOOD: {
    message: 'the client has flooded its HTTP/2 connection, which was closed',
    hint: 'correct the client, or block it if it means harm; docs/limits.md says what is borne',
    blame: 'client',
  },
  MONODON_BODY_TRUNCATED: {
    message: 'the client left before it had sent the whole body',
    hint: 'nothing: the request cannot be completed',
    blame: 'client',
    status: 400,
  },
  MONODON_BODY_MALFORMED: {
    message: 'the request body is not framed as HTTP requires',
    hint: 'correct the client',
    blame: 'client',
    status: 400,
  },
  MONODON_BODY_TOO_LARGE: {
    message: 'the request body is larger than limit-request-body',
    hint: 'send less, or raise limit-request-body',
    blame: 'client',
    status: 413,
  },
  MONODON_BODY_TIMED_OUT: {
    message:
      'the request body made no progress for body-timeout, or was slower than limit-upload-rate',
    hint: 'send faster, or change these options',
    blame: 'client',
    status: 408,
  },
  MONODON_BODY_ABORTED: {
    message: 'the client has gone',
    hint: 'stop reading when the signal aborts',
    blame: 'client',
  },

  // -- the app
  MONODON_APP_THREW: {
    message: 'the app failed',
    hint: 'see the stack',
    blame: 'app',
    status: 500,
    python: { hint: 'see the traceback' },
  },
  MONODON_APP_BAD_STATUS: {
    message: 'the app gave a status that is not a final status code and a reason',
    hint: "call startResponse with a string such as '200 OK'; codes are 200 to 999",
    blame: 'app',
    status: 500,
    python: { hint: "call start_response with a str such as '200 OK'; codes are 200 to 999" },
  },
  MONODON_APP_BAD_HEADERS: {
    message: 'the app gave headers that are not a list of [name, value] pairs of strings',
    hint: "pass an array such as [['Content-Type', 'text/plain']]",
    blame: 'app',
    status: 500,
    python: {
      message: 'the app gave headers that are not a list of (name, value) tuples of str',
      hint: "pass a list such as [('Content-Type', 'text/plain')]",
    },
  },
  MONODON_APP_HOP_BY_HOP: {
    message: 'the app set a header field that belongs to the connection',
    hint: 'remove it: the server frames the response and keeps the connection',
    blame: 'app',
    status: 500,
  },
  MONODON_APP_BAD_LENGTH: {
    message: 'the app set a content-length that is not one decimal number',
    hint: 'set it once, to the number of bytes of the body, or not at all',
    blame: 'app',
    status: 500,
  },
  MONODON_APP_ANSWERED_TWICE: {
    message: 'the app answered a request that it had answered before',
    hint: 'answer each request once',
    blame: 'app',
    status: 500,
  },
  MONODON_APP_STARTED_TWICE: {
    message: 'the app called startResponse a second time without excInfo',
    hint: 'call it once; pass the error as third argument to replace a head that is not sent yet',
    blame: 'app',
    status: 500,
    python: {
      message: 'the app called start_response a second time without exc_info',
      hint: 'call it once; pass sys.exc_info() as third argument to replace a head that is not sent yet',
    },
  },
  MONODON_APP_NOT_STARTED: {
    message: 'the app gave a body without having called startResponse',
    hint: 'call startResponse before the first chunk that is not empty, and before the end',
    blame: 'app',
    status: 500,
    python: {
      message: 'the app gave a body without having called start_response',
      hint: 'call start_response before the first chunk that is not empty, and before the end',
    },
  },
  MONODON_APP_BAD_BODY: {
    message: 'the app returned something that is not an iterable body',
    hint: 'return an array of strings or Uint8Arrays, a generator, or another iterable of them',
    blame: 'app',
    status: 500,
    python: { hint: 'return a list of bytes, a generator, or another iterable of bytes' },
  },
  MONODON_APP_BAD_CHUNK: {
    message: 'the app gave a body chunk that is neither a string nor a view of bytes',
    hint: 'give strings (sent as UTF-8), Uint8Arrays or other views of an ArrayBuffer',
    blame: 'app',
    status: 500,
    python: {
      message: 'the app gave a body chunk that is not bytes',
      hint: 'encode text, for example with text.encode()',
    },
  },
  MONODON_APP_WRITE_ENDED: {
    message: 'the app wrote to a response that had ended',
    hint: 'write before the body that the app returned comes to its end',
    blame: 'app',
  },
  MONODON_APP_NOT_WSGI: {
    message: 'the validator found a breach of WSGI',
    hint: 'correct the side that the message names',
    blame: 'app',
    status: 500,
  },
  MONODON_APP_CLOSED: {
    message: 'the app destroyed the request or its connection before the response was complete',
    hint: 'end the response, or destroy it with an error that says why',
    blame: 'app',
    status: 500,
  },
  MONODON_APP_NO_RESPONSE: {
    message: 'the app did not return a Response',
    hint: 'return a Response, or a promise of one, from every branch of fetch',
    blame: 'app',
    status: 500,
  },
  MONODON_RESPONSE_USED: {
    message: 'the body of the Response that the app returned was read already',
    hint: 'return a new Response for each request, or response.clone() before it is read',
    blame: 'app',
    status: 500,
  },
  MONODON_BAD_HEADER: {
    message: 'the app set a header field that HTTP does not allow',
    hint: 'remove CR, LF, control characters and characters outside latin1',
    blame: 'app',
    status: 500,
  },
  MONODON_BODY_FINISHED: {
    message: 'the request body was read after the response had ended',
    hint: 'read the body before the response is complete',
    blame: 'app',
  },
  MONODON_CONTENT_LENGTH_MISMATCH: {
    message: 'the response has more or fewer bytes than its content-length says',
    hint: 'set the right content-length, or none',
    blame: 'app',
    status: 500,
  },
  MONODON_BAD_WEBSOCKET: {
    message: 'a WebSocket client broke the protocol, or sent more than it may',
    hint: 'the connection was closed with the code that the detail names; where a message was too large, see limit-websocket-message',
    blame: 'client',
  },
  MONODON_WEBSOCKET_EXPECTED: {
    message: 'the app takes a WebSocket here, and the request offers none, or not version 13',
    hint: 'nothing, if clients are wrong; else see that what stands before the server passes Upgrade and Connection on',
    blame: 'client',
    status: 426,
  },
  MONODON_WEBSOCKET_KEY: {
    message: 'a request offers a WebSocket without a valid Sec-WebSocket-Key',
    hint: 'nothing: the client is wrong',
    blame: 'client',
    status: 400,
  },
  MONODON_WEBSOCKET_BACKLOG: {
    message: 'more waits for a WebSocket client than may, and it was cut',
    hint: 'send no more than the client reads: look at bufferedAmount; or raise limit-websocket-backlog',
    blame: 'app',
  },
  MONODON_WEBSOCKET_SILENT: {
    message: 'a WebSocket client has not answered a ping, and was cut',
    hint: 'nothing, if clients lose their networks; see websocket-ping',
    blame: 'client',
  },
  MONODON_NOT_UPGRADABLE: {
    message: 'the client has not offered to switch to another protocol',
    hint: 'look at the request before: only one of HTTP/1.1 with `Connection: upgrade`, an `Upgrade` field and no body can be taken over, or one of HTTP/2 by CONNECT with `:protocol` websocket',
    blame: 'app',
    status: 500,
  },
  MONODON_BAD_RESPONSE: {
    message: 'the response cannot be sent as HTTP',
    hint: 'correct the status or the header fields that the detail names',
    blame: 'app',
    status: 500,
  },
  MONODON_WORKER_DIED: {
    message: 'a worker ended, and with it what it held',
    hint: "see the worker's last message; find what throws outside of the app's handlers, ends the process, or takes all memory",
    blame: 'app',
    status: 502,
  },

  MONODON_WORKER_HUNG: {
    message: 'a worker that held the request did not respond for timeout, and was killed',
    hint: 'find what blocks the app (the log has its stack, where that can be had), or raise timeout',
    blame: 'app',
    status: 504,
  },
  MONODON_CRASH_LOOP: {
    message: 'workers end again and again soon after they were ready, or before',
    hint: 'see why they end, above; nothing else is to be done once that is corrected: the pauses end by themselves',
    blame: 'app',
  },
  MONODON_REQUEST_TIMEOUT: {
    message: 'the app did not begin its response within request-timeout',
    hint: 'find what it waits for, give that a time limit of its own, or raise request-timeout',
    blame: 'app',
    status: 504,
  },
  MONODON_FILE_FAILED: {
    message: 'a file could not be sent as far as was announced',
    hint: 'do not write to files that are being sent, but rename a new one over them; see the detail',
    blame: 'app',
    status: 500,
  },
  MONODON_FILE_NOT_RECEIVED: {
    message: 'a file that the app handed over could not be taken from its worker',
    hint: 'raise the limit of open files (ulimit -n), or lower max-connections',
    blame: 'operator',
    status: 503,
  },
  MONODON_FILE_REFUSED: {
    message: 'the app named a file in X-Sendfile that cannot be sent',
    hint: 'name a file below sendfile-root; no symlink on the way to it may lead out of that',
    blame: 'app',
    status: 404,
  },

  // -- the server
  MONODON_FILE_UNREADABLE: {
    message: 'a file that is there could not be opened or read',
    hint: 'see that the user of the server may read it; see the detail',
    blame: 'server',
    status: 403,
  },
  MONODON_QUEUE_FULL: {
    message: 'queue-size requests were already waiting for a worker',
    hint: 'add workers, find what keeps them busy, or raise queue-size',
    blame: 'server',
    status: 503,
  },
  MONODON_QUEUE_TIMEOUT: {
    message: 'no worker took the request within queue-timeout',
    hint: 'add workers, find what blocks them, or raise queue-timeout',
    blame: 'server',
    status: 503,
  },
  MONODON_OVERLOADED: {
    message: 'more requests came than the workers could do, and the oldest were refused',
    hint: 'add workers, make the app faster, or raise queue-target for clients that are patient',
    blame: 'server',
    status: 503,
  },
  MONODON_GRACEFUL_TIMEOUT: {
    message: 'requests were cut off that had not finished within graceful-timeout',
    hint: 'find what takes so long, or raise graceful-timeout',
    blame: 'server',
  },
  MONODON_MALFORMED_BATCH: {
    message: 'a worker handed over a batch that is not well-formed',
    hint: 'report it as a bug of monodon, with this message',
    blame: 'server',
    status: 502,
  },
  MONODON_PANIC: {
    message: 'native code has panicked',
    hint: 'report it as a bug of monodon, with this message',
    blame: 'server',
    status: 500,
  },

  // -- the operator
  MONODON_ACCEPT_FAILED: {
    message: 'a connection could not be accepted',
    hint: 'raise the limit of open files (ulimit -n), or lower max-connections',
    blame: 'operator',
  },
  MONODON_BIND_FAILED: {
    message: 'the server cannot start',
    hint: 'free the address, permit this user to have it, create the folder of a Unix socket, or choose another: with --bind, unless another option is named',
    blame: 'operator',
  },
  MONODON_HOST_UNKNOWN: {
    message: 'the host of an address to listen on cannot be looked up',
    hint: 'correct the name, have this machine know it (DNS, /etc/hosts), or give the IP address in its place; 0.0.0.0 is every IPv4 address',
    blame: 'operator',
  },
  MONODON_BAD_DESCRIPTOR: {
    message: 'a descriptor that was to be a socket cannot be listened on',
    hint: 'have what starts the server open the socket and pass it on (docs/systemd.md has a .socket unit), or correct the number after fd://; systemd counts from 3',
    blame: 'operator',
  },
  MONODON_THREAD_FAILED: {
    message: 'the system starts no further thread',
    hint: 'raise the limit of threads and processes (ulimit -u; TasksMax= of a unit; the pids limit of a container), or ask for fewer with --io-threads and --workers',
    blame: 'operator',
  },
  MONODON_BAD_CERTIFICATE: {
    message: 'a file or an option for TLS cannot be used',
    hint: 'correct what is named; docs/tls.md has what it may be',
    blame: 'operator',
    exit: 2,
  },
  MONODON_CERTIFICATE_NOT_VALID: {
    message: 'a certificate of the server, or a list of revocations, is not in order',
    hint: 'put a new one in its place, or add the list that is missing, and send HUP; look at the clock of the machine if the dates are right',
    blame: 'operator',
  },
  MONODON_UPGRADE_FAILED: {
    message: 'the new server does not serve, so this one goes on',
    hint: 'see what it has logged, correct that, and send USR2 again',
    blame: 'operator',
  },
  MONODON_NATIVE_MISSING: {
    message: 'the native part of monodon cannot be loaded',
    hint: 'install monodon on this machine, with its optional dependencies; if it was installed here, npm has left out what the lockfile of another system did not name (npm/cli#4828): remove node_modules and package-lock.json, and run npm install; without a registry, install the tarball that has prebuilds; docs/packages.md has more',
    blame: 'operator',
  },
  MONODON_USAGE: {
    message: 'wrong usage',
    hint: 'see monodon --help; ctl, top and trace have one of their own, as in monodon ctl --help',
    blame: 'operator',
    exit: 2,
  },
  MONODON_UNKNOWN_OPTION: {
    message: 'unknown option',
    hint: 'see monodon --help for the names',
    blame: 'operator',
    exit: 2,
  },
  MONODON_BAD_OPTION: {
    message: 'bad value of an option',
    hint: 'see monodon --help for what is allowed',
    blame: 'operator',
    exit: 2,
  },
  MONODON_GUNICORN_OPTION: {
    message: 'an option of Gunicorn that has no meaning here',
    hint: 'see what is said of it; docs/from-gunicorn.md has the whole table',
    blame: 'operator',
    exit: 2,
  },
  MONODON_CONTROL_SOCKET: {
    message: 'the control socket cannot be opened',
    hint: 'name another with --control-socket, or create its folder; off has none',
    blame: 'operator',
  },
  MONODON_NO_SERVER: {
    message: 'no server answers',
    hint: 'start it, or name its control socket with --control-socket',
    blame: 'operator',
    exit: 3,
  },
  MONODON_BAD_COMMAND: {
    message: 'the server does not understand what it was told',
    hint: 'see monodon ctl --help',
    blame: 'operator',
    exit: 2,
  },
  MONODON_COMMAND_REFUSED: {
    message: 'the server cannot do what it was told',
    hint: 'see monodon ctl --help',
    blame: 'operator',
  },
  MONODON_COMMAND_FAILED: {
    message: 'the server has tried what it was told, and failed',
    hint: 'correct the cause, then tell it again; the workers that there were go on',
    blame: 'operator',
  },
  MONODON_FILE_NOT_WRITABLE: {
    message: 'a file that was named in the options cannot be written',
    hint: 'create its folder, correct the permissions or the name, or make room on the disk',
    blame: 'operator',
    exit: 1,
  },
  MONODON_LOG_NOT_TAKEN: {
    message: 'what is to take a log, or lines for statsd, cannot be reached',
    hint: 'see that it runs, and that --log-syslog-to or --statsd-host names it; it is tried again by itself',
    blame: 'operator',
  },
  MONODON_PID_FILE_TAKEN: {
    message: 'the pid file is that of a server that runs',
    hint: 'end that server, or give each its own --pid; if the process is another program, remove the file',
    blame: 'operator',
    exit: 1,
  },
  MONODON_LOG_LINES_LOST: {
    message: 'lines of a log, or for statsd, were lost',
    hint: 'what they go to does not take them fast enough, or is not there: use a faster disk, read the pipe, start what listens',
    blame: 'operator',
  },
  MONODON_SPANS_NOT_EXPORTED: {
    message: 'spans do not reach the collector of --otlp-endpoint',
    hint: 'requests are not affected: look whether the collector runs, whether otlp-endpoint and otlp-headers are its, and whether it is fast enough; or lower otlp-sample-ratio',
    blame: 'operator',
  },
  MONODON_PYTHON_MISSING: {
    message: 'no Python interpreter can be run',
    hint: 'install Python 3.9 or newer, activate the virtual environment, or name one with --python',
    blame: 'operator',
    exit: 3,
  },
  MONODON_CONFIG_FILE: {
    message: 'the config file cannot be used',
    hint: 'correct the file, or name another with --config',
    blame: 'operator',
    exit: 2,
  },
  MONODON_APP_NOT_FOUND: {
    message: 'the app cannot be found',
    hint: 'name it as MODULE:NAME, for example src/app.ts:app',
    blame: 'operator',
    exit: 3,
    python: { hint: 'name it as MODULE:NAME, for example app:app' },
  },
  MONODON_APP_UNKNOWN: {
    message: 'no interface fits the app',
    hint: 'export an app that fetch, wsgi or node fits, or name the interface with --interface',
    blame: 'operator',
    exit: 3,
    python: { hint: 'name a WSGI callable: app(environ, start_response)' },
  },
  MONODON_BOOT_TIMEOUT: {
    message: 'a worker did not load the app within boot-timeout, and was killed',
    hint: 'find what the app waits for while it is loaded (a database, a lock), or raise boot-timeout',
    blame: 'app',
    exit: 3,
  },
  MONODON_APP_NOT_LISTENING: {
    message: 'the program did not listen within listen-timeout',
    hint: 'have it call listen on a server of node:http, export an app, or raise listen-timeout',
    blame: 'app',
    exit: 3,
  },
  MONODON_LISTEN_TLS: {
    message:
      'the program listens with TLS (node:https or node:http2), which monodon does not do yet',
    hint: 'use http.createServer, and end TLS before monodon, at a proxy or load balancer',
    blame: 'app',
    exit: 3,
  },
  MONODON_LISTEN_HTTP2: {
    message: 'the program listens with node:http2, whose streams monodon does not have',
    hint: 'use http.createServer: monodon itself speaks HTTP/2 with clients that begin with it',
    blame: 'app',
    exit: 3,
  },
  MONODON_APP_FORKS: {
    message: 'the program starts workers of its own with cluster.fork',
    hint: 'have it listen without cluster, and start it with --workers',
    blame: 'app',
    exit: 3,
  },
  MONODON_APP_NOT_LOADED: {
    message: 'the app failed while it was loaded',
    hint: 'see the stack',
    blame: 'app',
    exit: 3,
    python: { hint: 'see the traceback' },
  },
  MONODON_APP_EXITED: {
    message: 'the process or thread ended while it loaded the app',
    hint: 'see what it wrote last; find what calls process.exit (os._exit in Python), or takes all memory',
    blame: 'app',
    exit: 3,
  },
  MONODON_APP_SYNTAX: {
    message: 'the app cannot be parsed',
    hint: 'correct the file',
    blame: 'app',
    exit: 3,
  },
} as const satisfies Record<string, ErrorRow>

/** A stable error code. */
export type ErrorCode = keyof typeof ERRORS

/** The row of a code, without the literal types. */
export function errorRow(code: ErrorCode): ErrorRow {
  return ERRORS[code]
}

/** True for a code of the table, for example one that native code has sent. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERRORS, text)
}

/** An error of monodon: a stable `code`, who is to blame, and what to do about it. */
export class MonodonError extends Error {
  readonly code: ErrorCode
  readonly blame: Blame
  readonly hint: string

  /** @param options `message` says what happened in the place of the table's message, `detail` after it */
  constructor(
    code: ErrorCode,
    options: { message?: string; detail?: string; cause?: unknown } = {},
  ) {
    const row = ERRORS[code]
    const message = options.message ?? row.message
    super(
      options.detail === undefined ? message : `${message}: ${options.detail}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    )
    this.name = 'MonodonError'
    this.code = code
    this.blame = row.blame
    this.hint = row.hint
  }
}

/** An error for people: one line with its code and what to do; what caused it follows with its stack. */
export function errorText(error: unknown): string {
  if (!(error instanceof MonodonError)) return inspect(error)
  const line = `${error.message} (${error.code}; to do: ${error.hint})`
  return error.cause === undefined ? line : `${line}\n${inspect(error.cause)}`
}

/** What an error says, of any kind that can be thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
