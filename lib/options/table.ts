/**
 * The option table: the only place where an option is written down. The key gives every name:
 * `keepAlive` in code and files, `--keep-alive`, `MONODON_KEEP_ALIVE`, `keep_alive` in Rust.
 * Parsing, `--help`, `--print-config`, the types, the native struct and the reference page are
 * derived from it.
 */

/** Which part of the server reads an option. */
export type Scope = 'native' | 'main' | 'worker'

/** Headings of `--help` and of the reference page, in their order. */
export const GROUPS = ['Server', 'Workers', 'Timeouts', 'Limits', 'Development', 'Other'] as const
export type Group = (typeof GROUPS)[number]

interface CommonRow {
  /** One line for `--help` and the reference page. */
  readonly doc: string
  readonly group: Group
  readonly readBy: readonly Scope[]
  /** The one-letter flag. */
  readonly short?: string
  /** A variable that is read when `MONODON_*` is not set. */
  readonly otherEnv?: string
  /**
   * A change in the config file takes effect at a reload (HUP): in the server at once, in the app with
   * its new workers. Others stay as they are until a restart.
   */
  readonly reloadable?: true
  /** What the reference page says about reasons and limits. */
  readonly note?: string
}

export interface IntegerRow extends CommonRow {
  readonly type: 'integer'
  /** What is counted. */
  readonly unit: string
  readonly default: number | 'auto'
  readonly min: number
  readonly max: number
  /** Makes `auto` a value: the number for a machine with this many cores. */
  readonly auto?: (cores: number) => number
}

/** Resolved to milliseconds; 0 is off. */
export interface DurationRow extends CommonRow {
  readonly type: 'duration'
  readonly default: string
  /** What `off` means. Without it, `off` is refused. */
  readonly off?: string
}

/** Resolved to bytes. */
export interface SizeRow extends CommonRow {
  readonly type: 'size'
  readonly default: string
  readonly min: number
  readonly max: number
}

export interface EnumRow extends CommonRow {
  readonly type: 'enum'
  readonly default: string
  readonly values: readonly string[]
}

export interface BooleanRow extends CommonRow {
  readonly type: 'boolean'
  readonly default: false
}

export interface StringRow extends CommonRow {
  readonly type: 'string'
  /** What stands for the value in `--help`. */
  readonly unit: string
  readonly default: string
  /** What it looks like, and how people are told so. */
  readonly pattern?: RegExp
  readonly allowed?: string
}

/** Who may use a file, in octal as for `chmod`. Resolved to the number. */
export interface ModeRow extends CommonRow {
  readonly type: 'mode'
  readonly default: string
}

/** May be given several times; in the environment the items are separated by commas. */
export interface AddressesRow extends CommonRow {
  readonly type: 'addresses'
  readonly default: readonly string[]
}

/**
 * Any number of texts. The flag may be given several times; unless `whole` is set, commas separate
 * texts in it and in the environment.
 */
export interface ListRow extends CommonRow {
  readonly type: 'list'
  /** What stands for an item in `--help`. */
  readonly unit: string
  readonly default: readonly string[]
  /** What an item looks like, and how people are told so. */
  readonly item: RegExp
  readonly allowed: string
  /** Items may hold commas. */
  readonly whole?: true
}

export type OptionRow =
  | IntegerRow
  | DurationRow
  | SizeRow
  | EnumRow
  | BooleanRow
  | StringRow
  | ModeRow
  | AddressesRow
  | ListRow

/** Timers of Node.js and the kernel take this many milliseconds at most; about 24 days. */
export const MAX_DURATION_MS = 2_147_483_647

/** Bytes in 1 TiB: no machine has use for a larger limit. */
const MAX_SIZE = 1_099_511_627_776

export const OPTIONS = {
  bind: {
    type: 'addresses',
    default: ['127.0.0.1:8000'],
    short: 'b',
    otherEnv: 'PORT',
    group: 'Server',
    readBy: ['native', 'main'],
    doc: 'Where to listen: HOST:PORT, [IPV6]:PORT, :PORT, unix:PATH, or fd://N; may be repeated',
    note: 'With `PORT` in the environment and nothing else given, it is `0.0.0.0:$PORT`. Port 0 lets the kernel choose. `fd://N` is a socket that listens already, as descriptor N of the process. Sockets of systemd take the place of `--bind` ([systemd.md](systemd.md)).',
  },
  socketMode: {
    type: 'mode',
    default: '666',
    group: 'Server',
    readBy: ['native'],
    doc: 'Who may connect to the Unix sockets that it makes, as for chmod',
    note: 'Whoever may connect is believed when X-Forwarded-Proto says that the client used https. With `660`, the proxy has to be in the group of the server.',
  },
  http: {
    type: 'enum',
    values: ['auto', '1', '2'],
    default: 'auto',
    group: 'Server',
    readBy: ['native'],
    reloadable: true,
    doc: 'Protocol: HTTP/1.1, HTTP/2 with prior knowledge, or auto for both',
  },
  interface: {
    type: 'enum',
    values: ['auto', 'wsgi', 'fetch', 'node', 'python'],
    default: 'auto',
    group: 'Server',
    readBy: ['main', 'worker'],
    doc: 'How the app is called; auto looks at what there is and what it exports',
    note: '`python` is for WSGI apps in Python; auto chooses it for a module that is a Python file and no JavaScript one.',
  },
  websocketCompression: {
    type: 'boolean',
    default: false,
    group: 'Server',
    readBy: ['native'],
    reloadable: true,
    doc: 'Compresses WebSocket messages of 1 KiB and more for clients that can (permessage-deflate)',
    note: 'Each message by itself, so that connections need no memory for it. For the WebSockets of the fetch interface; packages such as ws have settings of their own.',
  },
  programPort: {
    type: 'integer',
    unit: 'port',
    default: 0,
    min: 0,
    max: 65_535,
    group: 'Server',
    readBy: ['worker'],
    reloadable: true,
    doc: 'Which server of a program that listens by itself is served: the one on this port; 0 is the first',
    note: 'See [programs.md](programs.md).',
  },
  responseClass: {
    type: 'enum',
    values: ['fast', 'platform'],
    default: 'fast',
    group: 'Server',
    readBy: ['worker'],
    reloadable: true,
    doc: "What `new Response` makes in worker threads: monodon's fast class, or the platform's",
    note: "The fast class builds the platform's object only when something of it is needed; `instanceof` holds in both directions. `serve()` with an app on the calling thread replaces nothing unless this option is given.",
  },
  forwardedAllowIps: {
    type: 'list',
    unit: 'ADDRESS',
    item: /^(?:\*|[0-9a-f:.]+(?:\/\d{1,3})?)$/i,
    allowed: 'IP addresses or networks such as 10.0.0.0/8, or *',
    default: ['127.0.0.1', '::1'],
    otherEnv: 'FORWARDED_ALLOW_IPS',
    group: 'Server',
    readBy: ['native'],
    reloadable: true,
    doc: 'Proxies that are believed when X-Forwarded-Proto says that the client used https',
    note: '`X-Forwarded-Protocol: ssl` and `X-Forwarded-Ssl: on` count too; `*` believes everyone. Only the scheme is taken from a proxy, as in Gunicorn: the other `X-Forwarded-*` fields are passed to the app as they came.',
  },
  healthPath: {
    type: 'string',
    unit: 'PATH',
    pattern: /^\/[^\s?#]*[^\s?#/]$/,
    allowed: 'a path that begins with / and does not end with it, such as /health',
    default: '',
    group: 'Server',
    readBy: ['native'],
    doc: 'Path at which the server tells its health by itself: PATH/live and PATH/ready',
    note: "Without it there is none, and every path is the app's. See [health.md](health.md).",
  },
  ioThreads: {
    type: 'integer',
    unit: 'threads',
    default: 'auto',
    min: 1,
    max: 64,
    auto: (cores: number) => Math.min(8, Math.max(1, Math.floor(cores / 2))),
    group: 'Server',
    readBy: ['native'],
    doc: 'Native threads that own the connections; auto is half the cores, 1 to 8',
  },
  backlog: {
    type: 'integer',
    unit: 'connections',
    default: 2048,
    min: 1,
    max: 65_535,
    group: 'Server',
    readBy: ['native'],
    doc: "Length of the kernel's accept queue",
    note: 'The kernel may lower it (`net.core.somaxconn` on Linux).',
  },
  workers: {
    type: 'integer',
    unit: 'workers',
    default: 1,
    min: 1,
    max: 512,
    auto: (cores: number) => Math.min(512, Math.max(1, cores)),
    short: 'w',
    otherEnv: 'WEB_CONCURRENCY',
    group: 'Workers',
    readBy: ['main'],
    reloadable: true,
    doc: 'Threads that run the app, each with its own copy; auto is one per core',
  },
  workerClass: {
    type: 'enum',
    values: ['thread', 'process'],
    default: 'thread',
    group: 'Workers',
    readBy: ['main'],
    doc: 'What a JavaScript worker is: a thread of the server, or a process of its own',
    note: 'A process survives nothing better, but what kills it (a segfault, `process.abort()`, the OOM killer) kills nothing else. Python apps always run in processes.',
  },
  threads: {
    type: 'integer',
    unit: 'threads',
    default: 1,
    min: 1,
    max: 1024,
    group: 'Workers',
    readBy: ['main', 'worker'],
    reloadable: true,
    doc: 'Requests that a Python worker runs at a time, each in a thread',
    note: 'For apps that wait for databases and other servers. JavaScript workers do that on their event loop; use `workers` there.',
  },
  python: {
    type: 'string',
    unit: 'PATH',
    default: '',
    group: 'Workers',
    readBy: ['main'],
    doc: 'Python interpreter for Python apps; without it that of VIRTUAL_ENV, then python3 on PATH',
  },
  pythonpath: {
    type: 'list',
    unit: 'DIRECTORY',
    item: /./,
    allowed: 'directories separated by commas',
    default: [],
    group: 'Workers',
    readBy: ['main', 'worker'],
    reloadable: true,
    doc: 'Directories for the module search path of Python apps, before all others',
  },
  workerConnections: {
    type: 'integer',
    unit: 'requests',
    default: 1000,
    min: 1,
    max: 1_000_000,
    group: 'Workers',
    readBy: ['native'],
    doc: 'Requests that a worker may hold whose answer has not begun; further ones wait in the queue',
    note: 'Streams and WebSockets count until their head is sent, not after. See [overload.md](overload.md).',
  },
  maxRequests: {
    type: 'integer',
    unit: 'requests',
    default: 0,
    min: 0,
    max: 1_000_000_000,
    group: 'Workers',
    readBy: ['worker'],
    reloadable: true,
    doc: 'Requests after which a worker is replaced by a new one; 0 is never',
    note: 'The successor is ready before the worker stops taking requests, so none waits; a few more than this many are served.',
  },
  maxRequestsJitter: {
    type: 'integer',
    unit: 'requests',
    default: 0,
    min: 0,
    max: 1_000_000_000,
    group: 'Workers',
    readBy: ['worker'],
    reloadable: true,
    doc: 'At most this many more, by chance, so that workers are not replaced together',
  },
  maxWorkerLifetime: {
    type: 'duration',
    default: 'off',
    off: 'workers live as long as they can',
    group: 'Workers',
    readBy: ['main'],
    reloadable: true,
    doc: 'Age at which a worker is replaced by a new one',
    note: 'Counted from when it was ready. Workers are replaced one at a time, and the successor is ready first. See [workers.md](workers.md#recycling).',
  },
  maxWorkerLifetimeJitter: {
    type: 'duration',
    default: 'off',
    off: 'none',
    group: 'Workers',
    readBy: ['main'],
    reloadable: true,
    doc: 'At most this much more, by chance, so that workers are not replaced together',
  },
  maxWorkerMemory: {
    type: 'size',
    default: '0',
    min: 0,
    max: MAX_SIZE,
    group: 'Workers',
    readBy: ['main'],
    reloadable: true,
    doc: 'Memory at which a worker is replaced by a new one; 0 is never',
    note: 'Of a process its resident memory, of a thread its V8 heap and the buffers outside of it. It is looked at each 3 s: a worker may pass it for a moment, so this is for leaks, not to bound memory (`MemoryMax=` in systemd does that). See [workers.md](workers.md#recycling).',
  },
  queueSize: {
    type: 'integer',
    unit: 'requests',
    default: 4096,
    min: 1,
    max: 1_000_000,
    group: 'Workers',
    readBy: ['native'],
    reloadable: true,
    doc: 'Requests that wait for a worker, at most; the next one gets 503',
  },
  timeout: {
    type: 'duration',
    default: '30s',
    off: 'a worker that hangs is left alone',
    short: 't',
    group: 'Timeouts',
    readBy: ['main'],
    reloadable: true,
    doc: 'How long a worker that holds requests may not respond before it is killed and replaced',
    note: 'A JavaScript worker, and a Python worker with threads, responds while its requests wait. A Python worker with one thread does not, so there it is how long one request may take, as in Gunicorn. What the worker held is answered 504.',
  },
  bootTimeout: {
    type: 'duration',
    default: '90s',
    off: 'it may take as long as it likes',
    group: 'Timeouts',
    readBy: ['main'],
    reloadable: true,
    doc: 'How long a worker may take until it has loaded the app; then it is killed',
    note: 'At the start the server ends with code 3 then; on HUP the old workers go on; a worker that replaces one that ended is tried again after a pause. Gunicorn has `--timeout` for it, too.',
  },
  listenTimeout: {
    type: 'duration',
    default: '60s',
    off: 'it may take as long as it likes',
    group: 'Timeouts',
    readBy: ['worker'],
    reloadable: true,
    doc: 'How long a program that exports no app may take until it listens',
    note: 'See [programs.md](programs.md). One that ends without listening is noticed at once.',
  },
  queueTimeout: {
    type: 'duration',
    default: '10s',
    off: 'requests wait for as long as it takes',
    group: 'Timeouts',
    readBy: ['native'],
    reloadable: true,
    doc: 'How long a request may wait for a worker before it gets 503',
  },
  queueTarget: {
    type: 'duration',
    default: '100ms',
    off: 'requests are served in their order, also then',
    group: 'Timeouts',
    readBy: ['native'],
    reloadable: true,
    doc: 'How long a request may wait for a worker in an overload before it gets 503',
    note: 'An overload is that requests have to be refused since the queue has not been empty for queue-timeout. See [overload.md](overload.md).',
  },
  requestTimeout: {
    type: 'duration',
    default: 'off',
    off: 'the app may take as long as it likes',
    group: 'Timeouts',
    readBy: ['native'],
    doc: 'How long the app may take for a request until the head of its response; then it gets 504',
    note: 'The worker is kept, and goes on: the app hears of it as if the client had left (`request.signal`, `monodon.signal`, `close`). The time in the queue is not counted, nor is the body of the response, so streams and WebSockets may last; while the rest of a body is awaited from the client the clock stands at zero. It is up to a tenth late, at most 1 s. See [workers.md](workers.md#a-time-limit-for-each-request).',
  },
  websocketPing: {
    type: 'duration',
    default: '30s',
    off: 'no pings',
    group: 'Timeouts',
    readBy: ['native'],
    reloadable: true,
    doc: 'How long a WebSocket client may be silent before it is pinged; after as long again the connection is cut',
    note: 'For the WebSockets of the fetch interface. It also keeps proxies from closing connections that are silent.',
  },
  keepAlive: {
    type: 'duration',
    default: '75s',
    group: 'Timeouts',
    readBy: ['native'],
    reloadable: true,
    doc: 'How long a connection may be idle between requests',
    note: 'Longer than the 60 s after which common load balancers drop idle connections, so that it is they who close.',
  },
  headerTimeout: {
    type: 'duration',
    default: '15s',
    off: 'heads may take for ever',
    group: 'Timeouts',
    readBy: ['native'],
    reloadable: true,
    doc: "How long a request's head may take to arrive before the client gets 408",
  },
  bodyTimeout: {
    type: 'duration',
    default: '30s',
    off: 'bodies may stall for ever',
    group: 'Timeouts',
    readBy: ['native'],
    reloadable: true,
    doc: "How long a request's body may make no progress before the client gets 408",
  },
  sendTimeout: {
    type: 'duration',
    default: '30s',
    off: 'clients may stop reading for ever',
    group: 'Timeouts',
    readBy: ['native'],
    reloadable: true,
    doc: 'How long a client may take no byte of its response before it is cut off',
  },
  gracefulTimeout: {
    type: 'duration',
    default: '30s',
    group: 'Timeouts',
    readBy: ['native', 'main'],
    reloadable: true,
    doc: 'How long begun requests may take to finish after SIGTERM',
  },
  drainDelay: {
    type: 'duration',
    default: 'off',
    off: 'it drains at once',
    group: 'Timeouts',
    readBy: ['main'],
    reloadable: true,
    doc: 'How long the server goes on accepting after SIGTERM, while it tells that it is not ready',
    note: 'For load balancers that take a while to notice; see [health.md](health.md). A second SIGTERM ends it.',
  },
  limitRequestLine: {
    type: 'size',
    default: '8190',
    min: 64,
    max: 65_535,
    group: 'Limits',
    readBy: ['native'],
    reloadable: true,
    doc: 'Bytes of a request line; beyond it 414',
  },
  limitRequestFieldSize: {
    type: 'size',
    default: '8190',
    min: 64,
    max: 65_535,
    group: 'Limits',
    readBy: ['native'],
    reloadable: true,
    doc: 'Bytes of one header field; beyond it 431',
  },
  limitRequestFields: {
    type: 'integer',
    unit: 'fields',
    default: 100,
    min: 1,
    max: 10_000,
    group: 'Limits',
    readBy: ['native'],
    reloadable: true,
    doc: 'Header fields of a request; beyond it 431',
  },
  limitRequestBody: {
    type: 'size',
    default: '128mb',
    min: 0,
    max: 2 ** 50,
    group: 'Limits',
    readBy: ['native'],
    reloadable: true,
    doc: "Bytes of a request's body; beyond it 413",
  },
  limitWebsocketMessage: {
    type: 'size',
    default: '16mb',
    min: 1,
    max: 2 ** 30,
    group: 'Limits',
    readBy: ['native'],
    reloadable: true,
    doc: 'Bytes of a message that a WebSocket client sends; beyond it the connection is closed with 1009',
    note: 'A compressed message counts by what it inflates to, and is inflated no further.',
  },
  limitWebsocketBacklog: {
    type: 'size',
    default: '64mb',
    min: 65_536,
    max: 2 ** 40,
    group: 'Limits',
    readBy: ['worker'],
    reloadable: true,
    doc: 'Bytes that may wait for a WebSocket client; beyond it the connection is cut',
    note: 'It ends clients that read more slowly than the app sends and does not look at `bufferedAmount`.',
  },
  maxConnections: {
    type: 'integer',
    unit: 'connections',
    default: 16_384,
    min: 1,
    max: 1_000_000,
    group: 'Limits',
    readBy: ['native'],
    reloadable: true,
    doc: 'Open connections; further ones wait in the accept queue',
  },
  dev: {
    type: 'boolean',
    default: false,
    group: 'Development',
    readBy: ['main', 'worker'],
    doc: "Shows the app's errors to the client, with the code around them",
    note: 'Never in production: stack traces tell strangers about your code. See [development-server.md](development-server.md).',
  },
  reload: {
    type: 'boolean',
    default: false,
    group: 'Development',
    readBy: ['main', 'worker'],
    doc: 'Replaces the workers whenever a file that the app has loaded changes',
    note: 'For development: to load new code in production, send HUP. See [development-server.md](development-server.md).',
  },
  reloadEngine: {
    type: 'enum',
    values: ['auto', 'poll'],
    default: 'auto',
    group: 'Development',
    readBy: ['main'],
    doc: 'How changes are noticed: events of the file system and a look now and then, or looks alone',
    note: '`poll` looks every second, `auto` every two seconds beside the events, which network file systems and some bind mounts do not send.',
  },
  reloadExtraFile: {
    type: 'list',
    unit: 'FILE',
    item: /./,
    allowed: 'files separated by commas',
    default: [],
    group: 'Development',
    readBy: ['main'],
    doc: 'One more file to watch, such as a template; may be repeated',
  },
  reloadInclude: {
    type: 'list',
    unit: 'GLOB',
    item: /./,
    allowed: 'glob patterns separated by commas',
    default: [],
    group: 'Development',
    readBy: ['main'],
    doc: 'Loaded files to watch although they lie in a folder of packages or a hidden one',
    note: 'A pattern without `/` is for names, others for paths below the current folder, for example `node_modules/my-package/**`. `*`, `**`, `?`, `[...]` and `{...}` mean what they mean in a shell.',
  },
  reloadExclude: {
    type: 'list',
    unit: 'GLOB',
    item: /./,
    allowed: 'glob patterns separated by commas',
    default: [],
    group: 'Development',
    readBy: ['main'],
    doc: 'Loaded files not to watch, for example some that the app writes itself',
  },
  upgradeMode: {
    type: 'enum',
    values: ['manual', 'auto'],
    default: 'manual',
    group: 'Other',
    readBy: ['main'],
    doc: 'What the server does when a new one, started by USR2, serves: goes on beside it, or stops',
    note: 'See [signals.md](signals.md).',
  },
  upgradeTimeout: {
    type: 'duration',
    default: '2m',
    off: 'it may take as long as it likes',
    group: 'Timeouts',
    readBy: ['main'],
    doc: 'How long a new server, started by USR2, may take until it serves; then it is ended, and the old one goes on',
  },
  accessLogfile: {
    type: 'string',
    unit: 'FILE',
    default: '',
    group: 'Other',
    readBy: ['native'],
    reloadable: true,
    doc: 'File for the access log, in the combined format; - is standard output; none without it',
    note: 'See [logs.md](logs.md).',
  },
  errorLogfile: {
    type: 'string',
    unit: 'FILE',
    default: '',
    group: 'Other',
    readBy: ['main', 'worker'],
    reloadable: true,
    doc: 'File for the error log; without it, and with -, it is standard error',
  },
  logLevel: {
    type: 'enum',
    values: ['debug', 'info', 'warning', 'error', 'critical'],
    default: 'info',
    group: 'Other',
    readBy: ['main', 'worker'],
    reloadable: true,
    doc: 'The least important messages that are logged',
  },
  pid: {
    type: 'string',
    unit: 'FILE',
    default: '',
    short: 'p',
    group: 'Other',
    readBy: ['main'],
    doc: "File to write the server's process id to; removed at the end",
  },
  controlSocket: {
    type: 'string',
    unit: 'PATH',
    default: 'auto',
    group: 'Other',
    readBy: ['main'],
    doc: 'Unix socket by which monodon ctl reaches the server; off is none',
    note: 'Its mode is 0600. `auto` is `/tmp/monodon-UID/PID.sock`, where `monodon ctl` finds it. See [control.md](control.md).',
  },
  env: {
    type: 'list',
    unit: 'KEY=VALUE',
    item: /^[^=]+=/,
    allowed: 'KEY=VALUE',
    whole: true,
    default: [],
    short: 'e',
    group: 'Other',
    readBy: ['main'],
    reloadable: true,
    doc: 'Variable for the environment of the app; may be repeated',
  },
  chdir: {
    type: 'string',
    unit: 'DIRECTORY',
    default: '',
    group: 'Other',
    readBy: ['main'],
    doc: 'Directory to change to before the app is loaded',
    note: 'Relative to the directory in which the command was given. The config file is looked up before the change.',
  },
  config: {
    type: 'string',
    unit: 'FILE',
    default: '',
    short: 'c',
    group: 'Other',
    readBy: ['main'],
    reloadable: true,
    doc: 'Config file; without it monodon.config.{ts,mts,js,mjs,cjs,json,toml} in the current directory',
    note: 'Only as a flag or in the environment.',
  },
} as const satisfies Record<string, OptionRow>

/** The name of an option in code and in a config file. */
export type OptionKey = keyof typeof OPTIONS

/** Every option's key, in the table's order. */
export const OPTION_KEYS = Object.keys(OPTIONS) as OptionKey[]

/** The row of an option, without the literal types. */
export function rowOf(key: OptionKey): OptionRow {
  return OPTIONS[key]
}

/** Flags that make the command do one thing and exit. */
export const COMMANDS = {
  help: { short: 'h', doc: 'Show this text' },
  version: { short: 'v', doc: 'Show versions' },
  checkConfig: { short: undefined, doc: 'Resolve the options, load the app once, and exit' },
  printConfig: { short: undefined, doc: "Show every option's value and where it came from" },
} as const

export type Command = keyof typeof COMMANDS

type Rows = typeof OPTIONS

type ValueOf<R> = R extends { type: 'integer' | 'duration' | 'size' | 'mode' }
  ? number
  : R extends { type: 'enum'; values: readonly (infer V)[] }
    ? V
    : R extends { type: 'boolean' }
      ? boolean
      : R extends { type: 'addresses' | 'list' }
        ? readonly string[]
        : string

type InputOf<R> = R extends { type: 'integer' }
  ? R extends { auto: unknown }
    ? number | 'auto'
    : number
  : R extends { type: 'mode' }
    ? string
    : R extends { type: 'duration' | 'size' }
      ? number | string
      : R extends { type: 'addresses' | 'list' }
        ? string | readonly string[]
        : ValueOf<R>

/** The options as the server uses them: durations in milliseconds (0 is off), sizes in bytes. */
export type Options = { readonly [K in OptionKey]: ValueOf<Rows[K]> }

/**
 * The options as they are given in code and in a config file. A duration is a string with a unit
 * (`'500ms'`, `'10s'`, `'2m'`, `'1h'`, `'off'`) or a number of seconds; a size is a string with a
 * unit (`'8kb'`, `'128mb'`, `'1gb'`) or a number of bytes.
 */
export type Config = { readonly [K in Exclude<OptionKey, 'config'>]?: InputOf<Rows[K]> | undefined }

/**
 * What `monodon dev` sets unless a flag or a variable says otherwise. A process is a clean start at
 * each reload: nothing of the old code is left in it. Nobody is hung who is stopped in a debugger.
 */
export const DEV_OPTIONS: Config = {
  dev: true,
  reload: true,
  workers: 1,
  workerClass: process.platform === 'win32' ? 'thread' : 'process',
  timeout: 'off',
  bootTimeout: 'off',
  logLevel: 'info',
}

/** Types a config file: `export default defineConfig({ workers: 'auto' })`. */
export function defineConfig(config: Config): Config {
  return config
}
