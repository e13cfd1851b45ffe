// The servers that are measured: how each starts, what it can answer, where its JavaScript runs.
import { fileURLToPath, pathToFileURL } from 'node:url'
import { provide } from './install.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

/** Native threads of workers, as `top -H` shows them (the kernel keeps 15 bytes of a name). */
const MONODON_WORKERS = /^monodon-worker/

/**
 * @typedef {object} Server
 * @property {string} name what `--only` takes
 * @property {string} label
 * @property {('hello' | 'json' | 'echo' | 'stream' | 'large')[]} answers
 * @property {('h1' | 'h2')[]} protocols
 * @property {'main' | RegExp | undefined} jsThread
 * @property {() => Promise<(port: number) => object>} prepare gives the launcher; rejects with the
 *   reason when the server is not to be had here
 */

const EVERYTHING = ['hello', 'json', 'echo', 'stream', 'large']

/**
 * How monodon is launched for an app.
 *
 * @param {string[]} [options] further flags
 */
export async function monodonLauncher(interfaceName, app, workers = 1, options = []) {
  const cli = await provide('monodon')
  return (port) => ({
    command: process.execPath,
    args: [
      ...[cli, app, '--interface', interfaceName, '--bind', `127.0.0.1:${port}`],
      ...['--workers', String(workers), '--io-threads', '1', ...options],
    ],
    cwd: here('apps'),
  })
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

const uws = {
  name: 'uws',
  label: 'uWebSockets.js',
  answers: EVERYTHING,
  protocols: ['h1'],
  jsThread: 'main',
  prepare: async () => {
    const module = pathToFileURL(await provide('uws')).href
    return (port) => ({
      command: process.execPath,
      args: [here('peers/uws.mjs'), module],
      env: { PORT: String(port) },
    })
  },
}

/** A Python server. */
const python = (name, label, flags) => ({
  name,
  label,
  answers: ['hello'],
  protocols: ['h1'],
  jsThread: undefined,
  prepare: async () => {
    const command = await provide(name)
    return (port) => ({ command, args: flags(port), cwd: here('peers') })
  },
})

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

/** @type {Server[]} */
export const SERVERS = [
  limit('limit', 'limit: raw hyper', 'raw', 'h1', ['hello', 'echo', 'large']),
  limit('limit-http', 'monodon-http, Rust app', 'http', 'h1', ['hello', 'echo', 'large']),
  limit('limit-h2', 'limit: raw hyper, HTTP/2', 'h2', 'h2', ['hello', 'large']),
  monodon('monodon-fetch', 'monodon fetch', 'fetch', 'fetch.mjs', ['h1', 'h2']),
  monodon('monodon-fetch-global', 'monodon fetch, global Response', 'fetch', 'fetch-global.mjs'),
  monodon('monodon-wsgi', 'monodon wsgi', 'wsgi', 'wsgi.mjs:app', ['h1', 'h2']),
  monodon('monodon-node', 'monodon node', 'node', 'node.mjs:app', ['h1', 'h2']),
  monodon('monodon-hono', 'Hono on monodon', 'fetch', 'hono.mjs'),
  program('node-http', 'node:http', 'node-http.mjs'),
  program('node-http2', 'node:http2', 'node-http2.mjs', {
    server: { answers: ['hello'], protocols: ['h2'] },
  }),
  program('fastify', 'Fastify', 'fastify.mjs'),
  program('express', 'Express', 'express.mjs'),
  program('hono', 'Hono on @hono/node-server', 'hono.mjs'),
  program('bun', 'Bun.serve', 'bun.mjs', { runtime: 'bun' }),
  program('deno', 'Deno.serve', 'deno.mjs', {
    runtime: 'deno',
    flags: ['run', '--quiet', '--no-config', '--allow-net', '--allow-env'],
  }),
  uws,
  // A sync worker of Gunicorn closes each connection; gthread is its worker for keep-alive.
  python('gunicorn', 'Gunicorn gthread (Python)', (port) => [
    ...['--bind', `127.0.0.1:${port}`, '--worker-class', 'gthread', '--threads', '1'],
    ...['--keep-alive', '75', '--worker-connections', '2000', 'wsgi:app'],
  ]),
  python('uwsgi', 'uWSGI (Python)', (port) => [
    ...['--http11-socket', `127.0.0.1:${port}`, '--master', '--die-on-term', '--no-orphans'],
    ...['--disable-logging', '--need-app', '--wsgi', 'wsgi:app_with_date'],
  ]),
  python('granian', 'Granian (Python)', (port) => [
    ...['--interface', 'wsgi', '--host', '127.0.0.1', '--port', String(port), '--workers', '1'],
    ...['--no-access-log', '--no-ws', 'wsgi:app'],
  ]),
]
