// Who looks at a server while it is measured: its metrics and its state, each second.
import { request } from 'node:http'
import { text } from 'node:stream/consumers'

const EVERY_MS = 1000
const METRICS = '/metrics'
const PATHS = [METRICS, '/status.json']

/**
 * Asks at a Unix socket at once, and each second from then on.
 *
 * @param {string} socketPath where the server shows what it knows
 * @param {{ hears(): Promise<void> }[]} receivers those whom the server tells of itself
 * @returns {Promise<() => Promise<{ lostSpans: number | undefined }>>} ends it, and gives the share of the
 *   spans since that nobody got, if there were any; rejects if an answer was none, or a receiver has heard
 *   nothing
 */
export async function watch(socketPath, receivers = []) {
  const before = await spans(socketPath)
  const seen = []
  const note = (heard) => {
    // What fails is told at the end.
    heard.catch(() => {})
    seen.push(heard)
  }
  const lookAgain = () => note(look(socketPath))
  for (const receiver of receivers) note(receiver.hears())
  lookAgain()
  const timer = setInterval(lookAgain, EVERY_MS)
  return async () => {
    clearInterval(timer)
    await Promise.all(seen)
    const after = await spans(socketPath)
    const dropped = after.dropped - before.dropped
    const all = after.exported - before.exported + dropped
    return { lostSpans: all > 0 ? dropped / all : undefined }
  }
}

/** Asks once for all that is shown; rejects if an answer was none. */
export function look(socketPath) {
  return Promise.all(PATHS.map((path) => ask({ socketPath, path })))
}

/** What has become of the server's spans so far. */
async function spans(socketPath) {
  const metrics = await ask({ socketPath, path: METRICS })
  const total = (name) => {
    const samples = metrics.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\d+)$`, 'gm'))
    return [...samples].reduce((sum, [, value]) => sum + Number(value), 0)
  }
  return {
    exported: total('monodon_spans_exported_total'),
    dropped: total('monodon_spans_dropped_total'),
  }
}

/**
 * Asks over a connection of its own.
 *
 * @param {import('node:http').RequestOptions} where
 * @returns {Promise<string>} the answer's body; rejects if it is none
 */
export function ask(where) {
  return new Promise((resolve, reject) => {
    const asked = request({ ...where, agent: false }, async (response) => {
      const body = await text(response)
      if (response.statusCode === 200 && body.length > 0) resolve(body)
      else reject(new Error(`${where.path} was answered ${response.statusCode}`))
    })
    asked.on('error', reject).end()
  })
}
