// Trials under loads that do not wait for the server: balance between workers, and overload.
import { fileURLToPath } from 'node:url'
import { provide } from './install.mjs'
import { runLoad } from './processes.mjs'
import { monodonLauncher, monodonPythonLauncher } from './servers.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

/** @typedef {{ sent: number, good: number, rate: number, refused: number, failed: number, p50: number, p99: number, max: number }} Outcome */

/** @returns {Promise<Record<string, Outcome>>} by path */
async function load(plan) {
  return JSON.parse(
    await runLoad(process.execPath, [here('load/open-loop.mjs'), JSON.stringify(plan)]),
  )
}

const cluster = (workers) => (port) => ({
  command: process.execPath,
  args: [here('peers/cluster.mjs')],
  env: { PORT: String(port), WORKERS: String(workers) },
})

const monodon = (workers, options) => monodonLauncher('node', 'busy.mjs:app', workers, options)

/** Gunicorn as it is started by default: a sync worker. */
async function gunicorn() {
  const command = await provide('gunicorn')
  return (port) => ({
    command,
    args: ['--bind', `127.0.0.1:${port}`, '--no-control-socket', 'busy:app'],
    cwd: here('peers'),
  })
}

const WORKERS = 4
const LIGHT = '/'
const SPINNING = '/busy/100'

/** The servers of the trial `balance`. */
export const BALANCED = {
  monodon: () => monodon(WORKERS),
  'node:cluster': () => cluster(WORKERS),
}

/**
 * Four workers, and one request in a hundred computes for 100 ms.
 *
 * @returns {Promise<Outcome>} of the others
 */
export async function balance(port) {
  const outcome = await load({
    url: `http://127.0.0.1:${port}`,
    rate: 300,
    warmUp: 1,
    seconds: 8,
    connections: 64,
    requests: [
      { path: SPINNING, share: 0.01 },
      { path: LIGHT, share: 0.99 },
    ],
  })
  return outcome[LIGHT]
}

/** What a request costs the app, in ms, and so how many it can do in a second. */
const WORK_MS = 10
const CAPACITY = 1000 / WORK_MS
const WORKING = `/busy/${WORK_MS}`
/** An overload begins after `queue-timeout`: 10 s of load less for each of two measurements. */
const EARLY = ['--queue-timeout', '2s']

/** The servers of the trial `overload`, each with one worker. */
export const OVERLOADED = {
  monodon: () => monodon(1, EARLY),
  'monodon, Python': () => monodonPythonLauncher('busy:app', EARLY),
  'node:cluster': () => cluster(1),
  'Gunicorn sync': gunicorn,
}

/** Loads, as shares of what the app can do: the one that is compared with, the peak, and too much. */
const LOADS = [0.8, 1, 4]

/**
 * One worker under a load that it can bear, one that it can just bear, and one that it cannot.
 *
 * @returns {Promise<Record<string, Outcome>>} by load
 */
export async function overload(port) {
  const outcomes = {}
  for (const share of LOADS) {
    const outcome = await load({
      url: `http://127.0.0.1:${port}`,
      rate: share * CAPACITY,
      warmUp: share > 1 ? 4 : 1,
      seconds: 5,
      connections: 16,
      requests: [{ path: WORKING, share: 1 }],
    })
    outcomes[share] = outcome[WORKING]
  }
  return outcomes
}
