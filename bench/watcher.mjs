// Who looks at a server while it is measured: its metrics and its state, each second.
import { request } from 'node:http'
import { text } from 'node:stream/consumers'

const EVERY_MS = 1000
const PATHS = ['/metrics', '/status.json']

/**
 * Asks at a Unix socket at once, and each second from then on.
 *
 * @param {string} socketPath where the server shows what it knows
 * @returns {() => Promise<void>} ends it; rejects if an answer was none
 */
export function watch(socketPath) {
  const looks = []
  const look = () => {
    const answers = Promise.all(PATHS.map((path) => ask({ socketPath, path })))
    // It is heard of at the end.
    answers.catch(() => {})
    looks.push(answers)
  }
  look()
  const timer = setInterval(look, EVERY_MS)
  return async () => {
    clearInterval(timer)
    await Promise.all(looks)
  }
}

/** Asks over a connection of its own; rejects if the answer is none. `where` is as for `node:http`. */
export function ask(where) {
  return new Promise((resolve, reject) => {
    const asked = request({ ...where, agent: false }, async (response) => {
      const body = await text(response)
      if (response.statusCode === 200 && body.length > 0) resolve()
      else reject(new Error(`${where.path} was answered ${response.statusCode}`))
    })
    asked.on('error', reject).end()
  })
}
