/**
 * What people bring along from Gunicorn. Its flags that mean the same here are in the option table
 * by the same names; this file has the rest: other spellings, and flags that are refused, each with
 * the reason and what to use instead. It covers Gunicorn 20 to 27.
 */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { OptionKey } from './table.ts'

/** Gunicorn's spellings of flags that exist here under another name. */
export const ALIASES: ReadonlyMap<string, string> = new Map([
  ['--log-file', '--error-logfile'],
  ['--proxy-allow-from', '--proxy-allow-ips'],
  ['--limit-request-field_size', '--limit-request-field-size'],
])

/** A flag that has no meaning here. */
export interface Refusal {
  /** Every spelling of one or several flags. */
  readonly flags: readonly string[]
  readonly takesValue: boolean
  /** Why, and what to use instead: one line for people. */
  readonly why: string
}

const NO_OTHER_USER =
  'it keeps the user it is started as: set User= and Group= in systemd, USER in a Dockerfile, or use setpriv'
const OWN_LOGS =
  "the server's log is not one of Python's: use --log-format, --access-logformat and --log-syslog, and set up the app's own logging in the app, with logging.config"
const NO_BACKLOG =
  'connections are accepted at once and requests wait in a queue of the server: --metrics-bind shows its length, docs/metrics.md'
const NO_PASTE =
  'ini files are not read: write a module with app = paste.deploy.loadapp("config:/path/to.ini") and name that'
const NO_UWSGI_PROTOCOL = 'it speaks HTTP only: in nginx use proxy_pass in place of uwsgi_pass'
const FIXED_HTTP2 =
  'the limits of HTTP/2 are fixed, but for those that --limit-request-* sets: leave it out'
const STRICT =
  'only what RFC 9112 allows is accepted, or requests could be smuggled: correct the client'
const NO_ASGI =
  'ASGI apps and WebSockets are not served: keep their server for them, and give monodon the WSGI app'
const NO_DIRTY =
  'there are no workers beside those for requests: use a job queue such as Celery or RQ'

function withValue(flags: string, why: string): Refusal {
  return { flags: flags.split(' '), takesValue: true, why }
}

function aSwitch(flags: string, why: string): Refusal {
  return { flags: flags.split(' '), takesValue: false, why }
}

/** In the order of Gunicorn's own documentation. */
export const REFUSALS: readonly Refusal[] = [
  // -- debugging
  aSwitch('--spew', 'to see every line that runs, use python3 -m trace --trace or a debugger'),

  // -- workers
  withValue(
    '-k',
    'workers of Python apps are processes, and run one request at a time or as many as --threads says: leave it out',
  ),
  aSwitch('--preload', 'nothing is forked, each worker loads the app by itself: leave it out'),
  withValue(
    '--worker-tmp-dir',
    'heartbeats go over a socket and not through files, so /dev/shm is not needed: leave it out',
  ),
  withValue('--asgi-loop --asgi-lifespan --asgi-disconnect-grace-period', NO_ASGI),
  withValue('--websocket-max-message-size', NO_ASGI),
  withValue('--http-parser', 'there is one parser, in native code: leave it out'),

  // -- the process
  aSwitch(
    '-D --daemon',
    'it stays in the foreground: let systemd, a container or another supervisor run it',
  ),
  withValue('-u --user -g --group', NO_OTHER_USER),
  aSwitch('--initgroups', NO_OTHER_USER),
  withValue(
    '-m --umask',
    'for a Unix socket use --socket-mode and --socket-owner; for other files set it where the server is started: UMask= in systemd, or umask in the shell',
  ),
  withValue('-n --name', 'ps shows the command line with the name of the app: leave it out'),

  // -- the socket
  aSwitch(
    '--no-sendfile',
    'native threads send files, with sendfile() where the kernel can do that: leave it out',
  ),
  withValue('--protocol --uwsgi-allow-from', NO_UWSGI_PROTOCOL),
  withValue(
    '--ciphers',
    'only suites with forward secrecy and authenticated encryption are spoken, so that there is nothing to choose: leave it out',
  ),
  withValue('--ssl-version', 'use --tls-min-version 1.2 or --tls-min-version 1.3'),
  aSwitch(
    '--do-handshake-on-connect --suppress-ragged-eofs',
    'native threads shake hands, before a worker hears of the connection: leave it out',
  ),
  withValue('--http-protocols', 'use --http auto, --http 1 or --http 2'),
  withValue(
    '--http2-cleartext',
    'HTTP/2 with prior knowledge is spoken unless --http 1 is given: leave it out',
  ),
  withValue(
    '--http2-max-concurrent-streams --http2-initial-window-size --http2-max-frame-size',
    FIXED_HTTP2,
  ),
  withValue('--http2-max-header-list-size', FIXED_HTTP2),

  // -- requests
  aSwitch('--permit-obsolete-folding --strip-header-spaces', STRICT),
  aSwitch('--permit-unconventional-http-version --tolerate-dangerous-framing', STRICT),
  aSwitch('--permit-unconventional-http-method', 'methods of any name reach the app: leave it out'),
  aSwitch(
    '--casefold-http-method',
    'methods are case-sensitive (RFC 9110 section 9.1) and reach the app as sent: correct the client',
  ),
  withValue('--paste --paster --paste-global', NO_PASTE),

  // -- logs and metrics
  aSwitch(
    '--capture-output',
    "the app's standard error is in the error log in any case; redirect standard output where the server is started",
  ),
  withValue('--logger-class --log-config --log-config-json', OWN_LOGS),
  aSwitch(
    '-R --enable-stdio-inheritance',
    "workers always have the server's standard output and error: leave it out",
  ),
  aSwitch('--enable-backlog-metric', NO_BACKLOG),

  // -- what is beside the server
  withValue('--dirty-app --dirty-workers --dirty-threads', NO_DIRTY),
  withValue('--dirty-timeout --dirty-graceful-timeout', NO_DIRTY),
  withValue('--control-socket-mode', 'the mode is 0600: leave it out'),
  aSwitch('--no-control-socket', 'use --control-socket off'),
]

const BY_FLAG: ReadonlyMap<string, Refusal> = new Map(
  REFUSALS.flatMap((refusal) => refusal.flags.map((flag) => [flag, refusal] as const)),
)

/** The refusal of a flag, `--preload` or `-k`. */
export function refusalOf(flag: string): Refusal | undefined {
  return BY_FLAG.get(flag)
}

/** Worker classes of Gunicorn and its kin, as `-k` and `--worker-class` take them. */
const WORKER_CLASSES: readonly (readonly [pattern: RegExp, why: string])[] = [
  [/^(?:egg:gunicorn#)?sync$|\bsyncworker$/i, 'that is what a Python worker does: leave it out'],
  [/^(?:egg:gunicorn#)?gthread$|\bthreadworker$/i, 'use --threads N alone'],
  [
    /gevent|eventlet/i,
    'there are no green threads: use --threads N, for example 32, and remove monkey.patch_all()',
  ],
  [/uvicorn|asgi|hypercorn/i, NO_ASGI],
  [
    /tornado|aiohttp/i,
    'apps that bring an event loop of their own are not served: run their own server',
  ],
  [
    /[.:#]|^meinheld$/,
    'worker classes are code for Gunicorn: leave it out, and use --threads N for an app that waits',
  ],
]

/** Why a value of Gunicorn's is not taken by a flag that exists here; `undefined` for all others. */
export function refusedValue(option: OptionKey, value: string): string | undefined {
  switch (option) {
    case 'workerClass':
      return WORKER_CLASSES.find(([pattern]) => pattern.test(value))?.[1]
    case 'certReqs': {
      const name = ['none', 'optional', 'required'][Number(value)]
      return value !== '' && name !== undefined ? `use --cert-reqs ${name}` : undefined
    }
    case 'proxyProtocol':
      return /^(?:auto|v1|v2)$/.test(value)
        ? 'use optional, or required; both versions are spoken'
        : undefined
    case 'reloadEngine':
      return value === 'inotify' ? 'auto uses inotify where there is one: leave it out' : undefined
    case 'config':
      return /^python:|\.pyc?$/.test(value)
        ? 'config files in Python are not read: write monodon.config.toml, or use flags'
        : undefined
    default:
      return undefined
  }
}

/**
 * One line about a refused flag.
 *
 * @param given how it was written: `-k`, `--preload`
 * @param value what was given to it, if anything
 */
export function explain(given: string, { flags, why }: Refusal, value?: string): string {
  const special = flags.includes('-k') ? refusedValue('workerClass', value ?? '') : undefined
  return `${[given, ...(value === undefined ? [] : [value])].join(' ')}: ${special ?? why}`
}

/**
 * What else of Gunicorn's configuration is there and has no effect, one line each for the log: it
 * would be silently lost otherwise. It is no error, since both servers may share an environment.
 *
 * @param folder where `gunicorn.conf.py` would be
 */
export function gunicornLeftovers(
  env: Readonly<Record<string, string | undefined>>,
  folder: string,
): string[] {
  const found: string[] = []
  const { GUNICORN_CMD_ARGS: args } = env
  if (args)
    found.push(
      `GUNICORN_CMD_ARGS is set but not read: give "${args}" as flags, or as MONODON_* variables`,
    )
  if (existsSync(join(folder, 'gunicorn.conf.py')))
    found.push(
      'gunicorn.conf.py is there but not read: write its settings into monodon.config.toml (docs/from-gunicorn.md)',
    )
  return found
}
