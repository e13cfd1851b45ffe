// A steady load on a light route while another route blocks its event loop. Arguments: URL of the
// server, seconds. Light requests come at a fixed rate whatever the server does, and their latency
// counts from the moment they were due. Prints one line of JSON.
import { Agent, request } from 'node:http'

const [url, seconds] = process.argv.slice(2)

/** One light request each so many ms. */
const INTERVAL = 5
/** Pause between two blocking requests, in ms: one of them at most is under way. */
const PAUSE = 20

const agent = new Agent({ keepAlive: true, maxSockets: 64 })
const latencies = []
let blocked = 0
let failed = 0

function get(path) {
  return new Promise((resolve) => {
    const done = (ok) => {
      if (!ok) failed++
      resolve()
    }
    request(`${url}${path}`, { agent }, (response) => {
      response.resume().on('end', () => done(response.statusCode === 200))
      response.on('error', () => done(false))
    })
      .on('error', () => done(false))
      .end()
  })
}

const begin = performance.now()
const end = begin + Number(seconds) * 1000

async function blockAgainAndAgain() {
  while (performance.now() < end) {
    await get('/block')
    blocked++
    await new Promise((resolve) => setTimeout(resolve, PAUSE))
  }
}

async function light() {
  const pending = []
  for (let due = begin; due < end; due += INTERVAL) {
    const wait = due - performance.now()
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
    const scheduled = due
    pending.push(get('/').then(() => latencies.push(performance.now() - scheduled)))
  }
  await Promise.all(pending)
}

await Promise.all([light(), blockAgainAndAgain()])
agent.destroy()
latencies.sort((a, b) => a - b)
const percentile = (share) => latencies[Math.floor(share * (latencies.length - 1))]
process.stdout.write(
  `${JSON.stringify({
    light: latencies.length,
    blocked,
    failed,
    p50: percentile(0.5),
    p99: percentile(0.99),
    max: percentile(1),
  })}\n`,
)
