// What a rate of requests does not show: memory with a slow peer, routes that block their worker, and
// more requests than the app can answer.
import { fileURLToPath } from 'node:url'
import { answers, TROUBLED } from './answers.mjs'
import { costs } from './costs.mjs'
import { DOWNLOADED, download } from './download.mjs'
import { growth } from './growth.mjs'
import { GENERATORS } from './load/generators.mjs'
import { BALANCED, balance, OVERLOADED, overload } from './open-loop.mjs'
import { processTree } from './proc.mjs'
import { runLoad, startServer } from './processes.mjs'
import { check, REQUESTS } from './requests.mjs'
import { monodonLauncher, monodonPythonLauncher, SERVERS } from './servers.mjs'
import { BESET, beset } from './slow-clients.mjs'
import { addonSize, coldStarts, installation } from './start.mjs'
import { RELOADED, reload, WEIGHED, weigh } from './workers.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

const FEED_BYTES = 200 * 1024 * 1024

/** Starts a server of its own, uses it while it runs, and ends it. */
async function withServer(launcher, use, { request = 'hello', protocol = 'h1' } = {}) {
  const running = await startServer(launcher, (port) => check(port, REQUESTS[request], protocol))
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
function growthOver(running, direction) {
  return growth(running.pid, parts(running), async () => {
    const url = `http://127.0.0.1:${running.port}`
    const output = await runLoad(process.execPath, [here('load/slow-peer.mjs'), url, direction])
    if (Number(output) !== FEED_BYTES) {
      throw new Error(`${direction}: ${output.trim()} bytes arrived of ${FEED_BYTES}`)
    }
  })
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
      return growthOver(running, direction)
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
export const TRIALS = [
  ...['slow-peer', 'blocking', 'balance', 'overload', 'reload', 'memory'],
  ...['slow-clients', 'static-1g', 'answers', 'start', 'costs'],
]

/** Seconds of load beside a blocked worker. */
const BLOCKING_SECONDS = 6

/**
 * Runs the named trials.
 *
 * @param {string[]} names
 * @param {number} rounds of those that have any
 * @param {(line: string) => void} say
 */
export async function runTrials(names, rounds, say) {
  const results = {
    ...{ slowPeer: {}, balance: {}, overload: {}, reload: {}, memory: {} },
    ...{ 'slow-clients': {}, 'static-1g': {}, answers: {}, start: {}, costs: {} },
    failed: [],
  }
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
  if (names.includes('costs')) {
    Object.assign(results.costs, await attempt('costs', () => costs(rounds, say)))
  }
  if (names.includes('start')) {
    say('start: from nothing to the first answer')
    results.start = {
      ...(await attempt('start', async () => ({ cold: await coldStarts() }))),
      ...(await attempt('start, installed', installation)),
      ...(await attempt('start, addon', async () => ({ addon: await addonSize() }))),
    }
  }
  const forEach = async (trial, servers, measure, first) => {
    if (!names.includes(trial)) return
    for (const [server, prepare] of Object.entries(servers)) {
      say(`${trial}: ${server}`)
      const outcome = await attempt(`${trial}, ${server}`, async () =>
        withServer(await prepare(), (running) => measure(running, server), first),
      )
      if (outcome !== undefined) results[trial][server] = outcome
    }
  }
  await forEach('balance', BALANCED, ({ port }) => balance(port))
  await forEach('overload', OVERLOADED, ({ port }) => overload(port))
  await forEach('reload', RELOADED, reload)
  await forEach('memory', WEIGHED, weigh)
  await forEach('slow-clients', BESET, beset)
  await forEach('answers', TROUBLED, answers)
  for (const [scheme, protocol] of Object.entries({ http: 'h1', https: 'h1s' })) {
    const first = { request: 'static', protocol }
    await forEach('static-1g', DOWNLOADED[scheme], (running) => download(running, scheme), first)
  }
  return results
}
