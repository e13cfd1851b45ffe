// Trials about the workers of a server: how long it takes to replace them, and what memory they need.
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { median } from './figures.mjs'
import { GENERATORS } from './load/generators.mjs'
import { sharedMemory } from './proc.mjs'
import { REQUESTS } from './requests.mjs'
import { monodonLauncher } from './servers.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

const WORKERS = 4
const RELOADS = 5

const express = (workerClass) =>
  monodonLauncher('node', 'express.mjs', WORKERS, ['--worker-class', workerClass])

/** The servers of the trial `reload`: Express, with workers of either class. */
export const RELOADED = {
  'monodon, threads': () => express('thread'),
  'monodon, processes': () => express('process'),
}

/** The servers of the trial `memory`, each with the same Express app in four workers. */
export const WEIGHED = {
  ...RELOADED,
  'node:cluster': () => (port) => ({
    command: process.execPath,
    args: [here('peers/cluster-express.mjs')],
    env: { PORT: String(port), WORKERS: String(WORKERS) },
  }),
}

/**
 * Milliseconds from HUP until every worker is one that was started after it, and is ready.
 *
 * @returns {Promise<{ median: number, longest: number }>}
 */
export async function reload({ pid }) {
  const times = []
  for (let count = 0; count < RELOADS; count++) times.push(await timeReload(pid))
  return { median: median(times), longest: Math.max(...times) }
}

async function timeReload(pid) {
  // Where a server has its control socket unless told otherwise: docs/control.md.
  const socket = `/tmp/monodon-${process.getuid()}/${pid}.sock`
  const before = await workersOf(socket)
  const newest = Math.max(...before.map(({ number }) => number))
  const isNew = ({ number, state }) => number > newest && state === 'ready'
  const begin = performance.now()
  process.kill(pid, 'SIGHUP')
  for (;;) {
    const workers = await workersOf(socket)
    if (workers.length === WORKERS && workers.every(isNew)) return performance.now() - begin
    await delay(2)
  }
}

/** What `monodon ctl workers` says. */
async function workersOf(path) {
  const socket = connect(path)
  socket.end('{"command":"workers"}\n')
  let text = ''
  for await (const bytes of socket) text += bytes
  return JSON.parse(text).result
}

/** Before the workers are weighed again. */
const LOAD = { connections: 64, seconds: 4 }

/**
 * Memory of all processes of a server in bytes: when it has begun to serve, and after load.
 *
 * @returns {Promise<Record<'idle' | 'loaded', { once: number, rss: number }>>}
 */
export async function weigh({ pid, port }) {
  // A process of node:cluster that has not listened yet is not as large as it will be.
  await GENERATORS.autocannon({ port, request: REQUESTS.hello, connections: 8, seconds: 1 })
  const idle = sharedMemory(pid)
  await GENERATORS.autocannon({ port, request: REQUESTS.hello, ...LOAD })
  return { idle, loaded: sharedMemory(pid) }
}
