// The trial under a load that does not wait for the server: balance between workers.
import { fileURLToPath } from 'node:url'
import { runLoad } from './processes.mjs'
import { monodonLauncher } from './servers.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

/** @typedef {{ sent: number, good: number, refused: number, failed: number, p50: number, p99: number, max: number }} Outcome */

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

const WORKERS = 4
const LIGHT = '/'
const SPINNING = '/busy/100'

/** The servers of the trial `balance`. */
export const BALANCED = {
  monodon: () => monodonLauncher('node', 'busy.mjs:app', WORKERS),
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
