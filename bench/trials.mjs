// What a rate of requests does not show: memory with a slow peer, routes that block their worker, and
// more requests than the app can answer.
import { fileURLToPath } from 'node:url'
import { GENERATORS } from './load/generators.mjs'
import { BALANCED, balance, OVERLOADED, overload } from './open-loop.mjs'
import { memoryOf, processTree, resetPeakMemory } from './proc.mjs'
import { runLoad, startServer } from './processes.mjs'
import { check, REQUESTS } from './requests.mjs'
import { monodonLauncher, monodonPythonLauncher, SERVERS } from './servers.mjs'
import { RELOADED, reload, WEIGHED, weigh } from './workers.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

const FEED_BYTES = 200 * 1024 * 1024

/** Starts a server of its own, uses it while it runs, and ends it. */
async function withServer(launcher, use) {
  const running = await startServer(launcher, (port) => check(port, REQUESTS.hello, 'h1'))
  try {
    return await use(running)
  } finally {
    await running.stop()
  }
}

/** A server after its first second of work, so that its start does not count as growth. */
async function warm({ port }) {
  await GENERATORS.autocannon({ port, request: REQUESTS.hello, connections: 8, seconds: 1 })
}

/** The server's own process, and those of its workers if it has any. */
function parts({ pid }) {
  const workers = processTree(pid).slice(1)
  return { server: [pid], ...(workers.length > 0 && { worker: workers }) }
}

/** How much the resident memory of each part grows over a slow transfer of 200 MB, in bytes. */
async function growth(running, direction) {
  const before = Object.entries(parts(running)).map(([part, pids]) => ({
    ...{ part, pids },
    now: memoryOf(pids).now,
  }))
  resetPeakMemory(running.pid)
  const url = `http://127.0.0.1:${running.port}`
  const output = await runLoad(process.execPath, [here('load/slow-peer.mjs'), url, direction])
  if (Number(output) !== FEED_BYTES) {
    throw new Error(`${direction}: ${output.trim()} bytes arrived of ${FEED_BYTES}`)
  }
  return Object.fromEntries(before.map(({ part, pids, now }) => [part, memoryOf(pids).peak - now]))
}

// Above the default, which refuses 200 MB.
const LARGE_UPLOADS = ['--limit-request-body', '256mb']

const SLOW_PEER_SERVERS = {
  'monodon-fetch': () => monodonLauncher('fetch', 'fetch.mjs', 1, LARGE_UPLOADS),
  'monodon-wsgi': () => monodonLauncher('wsgi', 'wsgi.mjs:app', 1, LARGE_UPLOADS),
  'monodon-node': () => monodonLauncher('node', 'node.mjs:app', 1, LARGE_UPLOADS),
  'monodon-python': () => monodonPythonLauncher('transfers:app', LARGE_UPLOADS, 'apps'),
  'node-http': () => SERVERS.find(({ name }) => name === 'node-http').prepare(),
}

/**
 * Growth of resident memory over a download and an upload of 200 MB with a slow peer.
 *
 * @returns {Promise<Record<string, { download: number, upload: number }>>} bytes, of the server by
 *   its name, and of the processes of its workers by `NAME, worker`
 */
async function slowPeer(serverName) {
  const launcher = await SLOW_PEER_SERVERS[serverName]()
  const over = (direction) =>
    withServer(launcher, async (running) => {
      await warm(running)
      return growth(running, direction)
    })
  const download = await over('download')
  const upload = await over('upload')
  return Object.fromEntries(
    Object.keys(download).map((part) => [
      part === 'server' ? serverName : `${serverName}, ${part}`,
      { download: download[part], upload: upload[part] },
    ]),
  )
}

/**
 * Latencies of a light route, in ms, on two workers of which one is blocked almost always.
 *
 * @returns {Promise<{ light: number, blocked: number, p50: number, p99: number, max: number }>}
 */
async function blocking(seconds) {
  const launcher = await monodonLauncher('fetch', 'fetch.mjs', 2)
  return withServer(launcher, async (running) => {
    await warm(running)
    const url = `http://127.0.0.1:${running.port}`
    const output = await runLoad(process.execPath, [
      here('load/blocking.mjs'),
      ...[url, String(seconds)],
    ])
    const result = JSON.parse(output)
    if (result.failed > 0) throw new Error(`${result.failed} requests failed`)
    return result
  })
}

/** The names of the trials, as `--only` takes them. */
export const TRIALS = ['slow-peer', 'blocking', 'balance', 'overload', 'reload', 'memory']

/** Seconds of load beside a blocked worker. */
const BLOCKING_SECONDS = 6

/**
 * Runs the named trials.
 *
 * @param {string[]} names
 * @param {(line: string) => void} say
 */
export async function runTrials(names, say) {
  const results = { slowPeer: {}, balance: {}, overload: {}, reload: {}, memory: {}, failed: [] }
  const attempt = async (name, trial) => {
    try {
      return await trial()
    } catch (error) {
      results.failed.push({ name, reason: error.message })
      say(`  ${name}: no figure: ${error.message}`)
    }
  }
  if (names.includes('slow-peer')) {
    for (const server of Object.keys(SLOW_PEER_SERVERS)) {
      say(`slow peer: 200 MB down and up, ${server}`)
      const grown = await attempt(`slow-peer, ${server}`, () => slowPeer(server))
      Object.assign(results.slowPeer, grown)
    }
  }
  if (names.includes('blocking')) {
    say('blocking: a light route beside a blocked worker')
    results.blocking = await attempt('blocking', () => blocking(BLOCKING_SECONDS))
  }
  const forEach = async (trial, servers, measure) => {
    if (!names.includes(trial)) return
    for (const [server, prepare] of Object.entries(servers)) {
      say(`${trial}: ${server}`)
      const outcome = await attempt(`${trial}, ${server}`, async () =>
        withServer(await prepare(), measure),
      )
      if (outcome !== undefined) results[trial][server] = outcome
    }
  }
  await forEach('balance', BALANCED, ({ port }) => balance(port))
  await forEach('overload', OVERLOADED, ({ port }) => overload(port))
  await forEach('reload', RELOADED, reload)
  await forEach('memory', WEIGHED, weigh)
  return results
}
