// The trial `slow-clients`: what 2,000 clients that hold their connections slowly cost another one.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { median } from './figures.mjs'
import { runLoad } from './processes.mjs'
import { monodonLauncher } from './servers.mjs'
import { tlsFlags } from './tls.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

const SLOW = 2_000
const ROUNDS = 3
/** Well within `header-timeout`, 15 s: the slow clients are there all the while. */
const MEASURED = { rate: 300, warmUp: 1, seconds: 5, connections: 16 }
const PATH = '/'

let folder

/** Where the server speaks TLS: a port of its own would have to be found first. */
function tlsPath() {
  if (folder === undefined) {
    folder = mkdtempSync(join(tmpdir(), 'monodon-bench-'))
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  }
  return join(folder, 'tls.sock')
}

/** The server of the trial, with an address for plain clients and one for TLS. */
export const BESET = {
  monodon: () =>
    monodonLauncher('fetch', 'fetch.mjs', 1, [
      ...['--bind', `https://unix:${tlsPath()}`, ...tlsFlags()],
    ]),
}

/**
 * Latencies of a client by itself and beside the slow ones, in ms, and their ratio: the median of some
 * rounds, each of which measures both.
 *
 * @returns {Promise<Record<'quiet' | 'beset', { p50: number, p99: number }> & { ratio: number }>}
 */
export async function beset({ port }) {
  const rounds = []
  for (let round = 0; round < ROUNDS; round++) {
    rounds.push({ quiet: await measure(port, 0), beset: await measure(port, SLOW) })
  }
  const middle = (figure) => median(rounds.map(figure))
  const latencies = (when) => ({
    p50: middle((round) => round[when].p50),
    p99: middle((round) => round[when].p99),
  })
  return {
    quiet: latencies('quiet'),
    beset: latencies('beset'),
    ratio: middle(({ quiet, beset }) => beset.p99 / quiet.p99),
  }
}

async function measure(port, slow) {
  const url = `http://127.0.0.1:${port}`
  const measured = { ...MEASURED, url, requests: [{ path: PATH, share: 1 }] }
  const plan = JSON.stringify({ port, tlsPath: tlsPath(), slow, measured })
  const output = await runLoad(process.execPath, [here('load/slow-clients.mjs'), plan])
  const { held, outcome } = JSON.parse(output)
  if (held < slow) throw new Error(`${slow - held} of ${slow} slow clients were closed too early`)
  const { refused, failed, p50, p99 } = outcome[PATH]
  if (refused + failed > 0) throw new Error(`${refused + failed} requests failed`)
  return { p50, p99 }
}
