// The trial `answers`: how soon a server in need tells how it is.
import { rmSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { painted } from '../dist/cli/top/line.js'
import { screen } from '../dist/cli/top/screen.js'
import { Source } from '../dist/cli/top/source.js'
import { History } from '../dist/observe/view/history.js'
import { percentile } from './figures.mjs'
import { runLoad } from './processes.mjs'
import { monodonLauncher } from './servers.mjs'
import { ask } from './watcher.mjs'

const WORKERS = 4
const socketPath = join(tmpdir(), `monodon-answers-${process.pid}`)

/** Four workers, which run the app whose requests compute for as long as they are asked to. */
function prepare() {
  process.once('exit', () => rmSync(socketPath, { force: true }))
  return monodonLauncher('node', 'busy.mjs:app', WORKERS, [
    ...['--metrics-bind', `unix:${socketPath}`, '--status-bind', `unix:${socketPath}`],
    // So that workers hang for as long as the trial lasts, and the queue is full soon.
    ...['--health-path', '/health', '--timeout', 'off', '--queue-size', '64'],
  ])
}

/** The servers of the trial, by what they suffer from. */
export const TROUBLED = {
  nothing: prepare,
  'every worker hangs': prepare,
  'four times the load': prepare,
}

const TROUBLES = {
  nothing: async () => {},
  'every worker hangs': hang,
  'four times the load': overload,
}

/** How often each is asked, and the pause before, in ms. */
const ASKED = 100
const PAUSE = 10

/**
 * How long a server takes to answer those who look at it, in ms, while it is in trouble.
 *
 * @returns {Promise<Record<string, { p50: number, p99: number, max: number }>>} by who asks
 */
export async function answers(running, trouble) {
  const isOver = await TROUBLES[trouble](running)
  const times = Object.fromEntries(Object.keys(LOOKS).map((who) => [who, []]))
  for (let round = 0; round < ASKED; round++)
    for (const [who, look] of Object.entries(LOOKS)) {
      await delay(PAUSE)
      const begin = performance.now()
      await look(running)
      times[who].push(performance.now() - begin)
    }
  await isOver?.()
  return Object.fromEntries(Object.entries(times).map(([who, all]) => [who, summary(all)]))
}

function summary(times) {
  const [p50, p99] = [0.5, 0.99].map((share) => percentile(times, share))
  return { p50, p99, max: Math.max(...times) }
}

/** Those who look at a server, each with a connection of its own. */
const LOOKS = {
  metrics: () => ask({ socketPath, path: '/metrics' }),
  status: () => ask({ socketPath, path: '/status.json' }),
  health: ({ port }) => ask({ port, path: '/health/live' }),
  // `monodon ctl status` asks for this.
  'control socket': ({ pid }) => snapshot(pid),
  'monodon top': ({ pid }) => firstFrame(pid),
}

const controlSocket = (pid) => `/tmp/monodon-${process.getuid()}/${pid}.sock`

async function snapshot(pid) {
  const socket = connect(controlSocket(pid))
  socket.end('{"command":"snapshot"}\n')
  return JSON.parse(await text(socket)).result
}

/** The first frame of `monodon top`, but for the start of its own process. */
async function firstFrame(pid) {
  const source = new Source(async () => controlSocket(pid))
  const [seen, history] = [await source.snapshot(), new History()]
  history.add(seen)
  const scene = { snapshot: seen, history, sort: 'number', notice: '', hasUnicode: true }
  const lines = screen(scene, { columns: 120, rows: 40 })
  if (
    !lines
      .map((line) => painted(line, true))
      .join('\n')
      .includes('LATENCY')
  )
    throw new Error('monodon top has drawn nothing')
}

/** Has each worker compute for an hour. */
async function hang({ port, pid }) {
  for (let worker = 0; worker < WORKERS; worker++)
    request({ port, path: '/busy/3600000', agent: false })
      .on('error', () => {})
      .end()
  while ((await snapshot(pid)).claimed < WORKERS) await delay(10)
}

/** Requests that compute for 10 ms, four times as many as the servers' core can answer. */
async function overload({ port, pid }) {
  const plan = {
    ...{ url: `http://127.0.0.1:${port}`, rate: 400, warmUp: 0, seconds: 8, connections: 64 },
    requests: [{ path: '/busy/10', share: 1 }],
  }
  const script = fileURLToPath(new URL('load/open-loop.mjs', import.meta.url))
  const load = runLoad(process.execPath, [script, JSON.stringify(plan)])
  while ((await snapshot(pid)).queued < 32) await delay(10)
  return () => load
}
