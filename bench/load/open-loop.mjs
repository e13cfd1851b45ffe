// Requests that come when they come, whatever the server does, as those of many users do: at random
// (a Poisson process, the same one for every server), at a fixed mean rate. Their latency counts from
// the moment they were due. Argument: a plan in JSON. Prints one line of JSON.
import { Agent, request } from 'node:http'

/**
 * @typedef {object} Plan
 * @property {string} url
 * @property {number} rate requests/s
 * @property {number} seconds
 * @property {number} warmUp seconds of the same load before, which are not counted
 * @property {number} connections opened before; more are opened while all of them wait for answers
 * @property {{ path: string, share: number }[]} requests what is asked, in which shares (of 1)
 */

/** @type {Plan} */
const { url, rate, seconds, warmUp, connections, requests } = JSON.parse(process.argv[2])

/** Nobody waits longer for an answer, in ms. */
const PATIENCE = 30_000

// First in, first out: a connection is used as often as any other.
const agent = new Agent({ keepAlive: true, scheduling: 'fifo', maxFreeSockets: Infinity })

/** Numbers from 0 to 1 by chance, the same ones each time (mulberry32). */
function chance(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const results = new Map(
  requests.map(({ path }) => [path, { sent: 0, refused: 0, failed: 0, inTime: 0, latencies: [] }]),
)

/** The status of an answer, or `failed`. */
async function ask(path) {
  const status = await statusOf(path)
  const now = performance.now()
  if (status === 200 && now >= counted && now < end) results.get(path).inTime++
  return status
}

function statusOf(path) {
  return new Promise((resolve) => {
    const asked = request(`${url}${path}`, { agent, timeout: PATIENCE }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode))
      response.on('error', () => resolve('failed'))
    })
    asked.on('timeout', () => asked.destroy())
    asked.on('error', () => resolve('failed'))
    asked.end()
  })
}

async function measured(path, due) {
  const result = results.get(path)
  result.sent++
  const status = await ask(path)
  if (status === 200) result.latencies.push(performance.now() - due)
  else if (status === 503) result.refused++
  else result.failed++
}

function choose(random) {
  let left = random()
  const found = requests.find(({ share }) => {
    left -= share
    return left < 0
  })
  return (found ?? requests.at(-1)).path
}

await Promise.all(Array.from({ length: connections }, () => statusOf('/')))
const arrivals = chance(1)
const choices = chance(2)
const pending = []
const begin = performance.now()
const counted = begin + warmUp * 1000
const end = counted + seconds * 1000
for (let due = begin; due < end; due += (-Math.log(1 - arrivals()) / rate) * 1000) {
  const wait = due - performance.now()
  if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait))
  const path = choose(choices)
  pending.push(due < counted ? ask(path) : measured(path, due))
}
await Promise.all(pending)
agent.destroy()

const summary = ({ latencies, inTime, ...counts }) => {
  latencies.sort((a, b) => a - b)
  const percentile = (share) => latencies[Math.floor(share * (latencies.length - 1))]
  return {
    ...counts,
    good: latencies.length,
    // Good answers a second, whenever they were asked for.
    rate: inTime / seconds,
    p50: percentile(0.5),
    p99: percentile(0.99),
    max: percentile(1),
  }
}
const lines = [...results].map(([path, result]) => [path, summary(result)])
process.stdout.write(`${JSON.stringify(Object.fromEntries(lines))}\n`)
