// The servers that are measured: how each starts, what it can answer, where the app runs.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { provide } from './install.mjs'
import { staticFolder, staticServers } from './static.mjs'
import { tlsServers } from './tls.mjs'
import { watchedServers } from './watched.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

/** Native threads of workers, as `top -H` shows them (the kernel keeps 15 bytes of a name). */
const MONODON_WORKERS = /^monodon-worker/

/**
 * @typedef {object} Server
 * @property {string} name what `--only` takes
 * @property {string} label
 * @property {('hello' | 'json' | 'echo' | 'stream' | 'large' | 'static' | 'gzip' | 'zstd' | 'flask' | 'flask-file' | 'websocket')[]} answers
 * @property {('h1' | 'h2' | 'ws' | 'h1s' | 'h2s')[]} protocols
 * @property {'main' | RegExp | undefined} jsThread which threads run the app, as `threadTimes` takes it
 * @property {() => Promise<() => Promise<object>>} [watch] begins to look at it, and gives what ends that
 * @property {() => Promise<unknown>} [look] looks at it once
 * @property {boolean} [closes] it closes each connection after one answer
 * @property {() => Promise<(port: number) => object>} prepare gives the launcher; rejects with the
 *   reason when the server is not to be had here
 */

const EVERYTHING = ['hello', 'json', 'echo', 'stream', 'large']

/**
 * How monodon is launched for an app.
 *
 * @param {string[]} [options] further flags
 * @param {string} [folder] where the app lies
 */
export async function monodonLauncher(
  interfaceName,
  app,
  workers = 1,
  options = [],
  folder = 'apps',
) {
  const cli = await provide('monodon')
  return (port) => ({
    command: process.execPath,
    args: [
      ...[cli, app, '--interface', interfaceName, '--bind', `127.0.0.1:${port}`],
      ...['--workers', String(workers), '--io-threads', '1', ...options],
    ],
    cwd: here(folder),
  })
}

/** The same for an app in Python, run by the interpreter that its peers run on. */
export async function monodonPythonLauncher(app, options = [], folder = 'peers') {
  const python = ['--python', await provide('python')]
  return monodonLauncher('python', app, 1, [...python, ...options], folder)
}

/** A server of monodon. */
const monodon = (name, label, interfaceName, app, protocols = ['h1']) => ({
  name,
  label,
  answers: EVERYTHING,
  protocols,
  jsThread: MONODON_WORKERS,
  prepare: () => monodonLauncher(interfaceName, app),
})

/** monodon with an access log, which goes to a file as it would in production. */
const logged = (name, label, format) => ({
  ...monodon(name, label, 'fetch', 'fetch.mjs'),
  answers: ['hello'],
  prepare: () => {
    const folder = mkdtempSync(join(tmpdir(), 'monodon-bench-'))
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
    const file = join(folder, 'access.log')
    const flags = ['--access-logfile', file, '--access-logformat', format]
    return monodonLauncher('fetch', 'fetch.mjs', 1, flags)
  },
})

/** A program for a JavaScript runtime. It listens on $PORT. */
const program = (name, label, script, more = {}) => ({
  name,
  label,
  answers: EVERYTHING,
  protocols: ['h1'],
  jsThread: 'main',
  prepare: async () => {
    const command = more.runtime ? await provide(more.runtime) : process.execPath
    return (port) => ({
      command,
      args: [...(more.flags ?? []), here(`peers/${script}`)],
      env: { PORT: String(port), DENO_NO_UPDATE_CHECK: '1' },
    })
  },
  ...more.server,
})

const uws = (name, label, script) => ({
  name,
  label,
  answers: EVERYTHING,
  protocols: ['h1'],
  jsThread: 'main',
  prepare: async () => {
    const module = pathToFileURL(await provide('uws')).href
    return (port) => ({
      command: process.execPath,
      args: [here(`peers/${script}`), module],
      env: { PORT: String(port) },
    })
  },
})

/**
 * The Python servers, as each is started for the app `name` of a module in `peers`. uWSGI sends no
 * date by itself, and runs `name` with `_with_date` after it.
 */
const PYTHON = {
  monodon: {
    label: 'monodon',
    prepare: (app) => monodonPythonLauncher(app),
  },
  // A sync worker closes each connection; gthread is the worker for keep-alive.
  'gunicorn-sync': {
    label: 'Gunicorn sync',
    closes: true,
    prepare: (app) =>
      pythonLauncher('gunicorn', (port) => [
        ...['--bind', `127.0.0.1:${port}`, '--workers', '1', '--no-control-socket', app],
      ]),
  },
  gunicorn: {
    label: 'Gunicorn gthread',
    prepare: (app) =>
      pythonLauncher('gunicorn', (port) => [
        ...['--bind', `127.0.0.1:${port}`, '--worker-class', 'gthread', '--threads', '1'],
        ...['--keep-alive', '75', '--worker-connections', '2000'],
        ...['--no-control-socket', app],
      ]),
  },
  // Without --tcp-nodelay a head waits for the client's delayed acknowledgement before a file follows it.
  uwsgi: {
    label: 'uWSGI',
    prepare: (app) =>
      pythonLauncher('uwsgi', (port) => [
        ...['--http11-socket', `127.0.0.1:${port}`, '--master', '--die-on-term', '--no-orphans'],
        ...['--tcp-nodelay', '--disable-logging', '--need-app', '--wsgi', `${app}_with_date`],
      ]),
  },
  granian: {
    label: 'Granian',
    prepare: (app) =>
      pythonLauncher('granian', (port) => [
        ...['--interface', 'wsgi', '--host', '127.0.0.1', '--port', String(port)],
        ...['--workers', '1', '--no-access-log', '--no-ws', app],
      ]),
  },
}

async function pythonLauncher(program, flags) {
  const command = await provide(program)
  return (port) => ({ command, args: flags(port), cwd: here('peers') })
}

/** The interpreter of monodon's Python worker, as `top` shows it; its one thread runs the app. */
const PYTHON_WORKER = /^python/

/** One of the Python servers with an app that answers one request. */
const python = (kind, name, app, answers, note) => ({
  name,
  label: `${PYTHON[kind].label} (${note})`,
  answers: [answers],
  protocols: ['h1'],
  jsThread: kind === 'monodon' ? PYTHON_WORKER : undefined,
  closes: PYTHON[kind].closes ?? false,
  prepare: () => PYTHON[kind].prepare(app),
})

const bare = (kind, name = kind) => python(kind, name, 'wsgi:app', 'hello', 'Python')
const flask = (kind) => python(kind, `${kind}-flask`, 'flask_hello:app', 'flask', 'Flask')

/** The same with an app that sends a file of the folder in `$STATIC`. */
const flaskFile = (kind) => {
  const server = python(kind, `${kind}-flask-file`, 'flask_file:app', 'flask-file', 'send_file')
  return {
    ...server,
    prepare: async () => {
      const launcher = await server.prepare()
      const STATIC = join(staticFolder(), 'public')
      return (port) => {
        const launch = launcher(port)
        return { ...launch, env: { ...launch.env, STATIC } }
      }
    },
  }
}

/** The raw hyper server in Rust: what is possible without JavaScript. */
const limit = (name, label, mode, protocol, answers) => ({
  name,
  label,
  answers,
  protocols: [protocol],
  jsThread: undefined,
  prepare: async () => {
    const command = await provide('limit')
    return (port) => ({ command, args: [mode, String(port)] })
  },
})

/** A server that compresses, and answers nothing else. */
const compressing = (server) => ({ ...server, answers: ['gzip', 'zstd'] })

/** monodon with `--compress`. */
const monodonCompressing = (name, label, interfaceName, app, levels = []) =>
  compressing({
    ...monodon(name, label, interfaceName, app),
    prepare: () => {
      const options = ['--compress', 'zstd,gzip', ...levels]
      return monodonLauncher(interfaceName, app, 1, options)
    },
  })

/** Express with the compression middleware, whose module is in `$COMPRESSION`. */
const expressCompressing = (name, label, level) => {
  const server = program(name, label, 'express.mjs')
  return compressing({
    ...server,
    prepare: async () => {
      const launcher = await server.prepare()
      const COMPRESSION = pathToFileURL(await provide('compression')).href
      const env = { COMPRESSION, ...(level && { COMPRESSION_LEVEL: String(level) }) }
      return (port) => {
        const launch = launcher(port)
        return { ...launch, env: { ...launch.env, ...env } }
      }
    },
  })
}

/** A server that echoes what comes over WebSockets, and answers nothing else. */
const sockets = (server) => ({ ...server, answers: ['websocket'], protocols: ['ws'] })

/** The same by ws, whose module is in `$WS`. */
const withWs = (server) => ({
  ...sockets(server),
  prepare: async () => {
    const launcher = await server.prepare()
    const WS = pathToFileURL(await provide('ws')).href
    return (port) => {
      const launch = launcher(port)
      return { ...launch, env: { ...launch.env, WS } }
    }
  },
})

/** monodon's fetch app, with further flags. */
const launchFetch = (options) => monodonLauncher('fetch', 'fetch.mjs', 1, options)

/** @type {Server[]} */
export const SERVERS = [
  limit('limit', 'limit: raw hyper', 'raw', 'h1', ['hello', 'echo', 'large']),
  limit('limit-http', 'monodon-http, Rust app', 'http', 'h1', ['hello', 'echo', 'large']),
  limit('limit-h2', 'limit: raw hyper, HTTP/2', 'h2', 'h2', ['hello', 'large']),
  monodon('monodon-fetch', 'monodon fetch', 'fetch', 'fetch.mjs', ['h1', 'h2']),
  logged('monodon-logged', 'monodon fetch, access log', 'combined'),
  logged('monodon-logged-json', 'monodon fetch, access log in JSON', 'json'),
  ...watchedServers(launchFetch, MONODON_WORKERS),
  monodon('monodon-fetch-global', 'monodon fetch, global Response', 'fetch', 'fetch-global.mjs'),
  monodon('monodon-wsgi', 'monodon wsgi', 'wsgi', 'wsgi.mjs:app', ['h1', 'h2']),
  monodon('monodon-node', 'monodon node', 'node', 'node.mjs:app', ['h1', 'h2']),
  monodon('monodon-hono', 'Hono on monodon', 'fetch', 'hono.mjs'),
  monodon('monodon-express', 'Express on monodon', 'node', 'express.mjs'),
  monodon('monodon-koa', 'Koa on monodon', 'node', 'koa.mjs'),
  monodon('monodon-fastify', 'Fastify on monodon', 'node', 'fastify.mjs'),
  program('node-http', 'node:http', 'node-http.mjs'),
  program('node-http2', 'node:http2', 'node-http2.mjs', {
    server: { answers: ['hello'], protocols: ['h2'] },
  }),
  program('fastify', 'Fastify', 'fastify.mjs'),
  program('express', 'Express', 'express.mjs'),
  program('koa', 'Koa', 'koa.mjs'),
  program('hono', 'Hono on @hono/node-server', 'hono.mjs'),
  program('bun', 'Bun.serve', 'bun.mjs', { runtime: 'bun' }),
  program('deno', 'Deno.serve', 'deno.mjs', {
    runtime: 'deno',
    flags: ['run', '--quiet', '--no-config', '--allow-net', '--allow-env'],
  }),
  uws('uws', 'uWebSockets.js', 'uws.mjs'),
  ...staticServers(launchFetch),
  ...tlsServers(launchFetch, MONODON_WORKERS),
  bare('monodon', 'monodon-python'),
  bare('gunicorn-sync'),
  bare('gunicorn'),
  bare('uwsgi'),
  bare('granian'),
  flask('monodon'),
  flask('gunicorn-sync'),
  flask('gunicorn'),
  flask('uwsgi'),
  flask('granian'),
  flaskFile('monodon'),
  flaskFile('gunicorn-sync'),
  flaskFile('gunicorn'),
  flaskFile('uwsgi'),
  flaskFile('granian'),
  monodonCompressing('monodon-compress', 'monodon fetch', 'fetch', 'fetch.mjs'),
  monodonCompressing('monodon-compress-6', 'monodon fetch, gzip level 6', 'fetch', 'fetch.mjs', [
    ...['--compress-level', 'gzip=6'],
  ]),
  monodonCompressing('monodon-express-compress', 'Express on monodon', 'node', 'express.mjs'),
  expressCompressing('express-compression', 'Express and compression (level 6)'),
  expressCompressing('express-compression-5', 'Express and compression, level 5', 5),
  sockets(monodon('monodon-websocket', 'monodon fetch', 'fetch', 'sockets.mjs')),
  withWs({
    ...monodon('monodon-ws', 'ws on monodon', 'auto', 'ws.mjs'),
    prepare: () => monodonLauncher('auto', 'ws.mjs', 1, [], 'peers'),
  }),
  withWs(program('ws', 'ws on node:http', 'ws.mjs')),
  sockets(program('bun-websocket', 'Bun.serve', 'bun-websocket.mjs', { runtime: 'bun' })),
  sockets(uws('uws-websocket', 'uWebSockets.js', 'uws-websocket.mjs')),
]
