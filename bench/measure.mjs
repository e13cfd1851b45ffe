// One measurement: a load on a server, with both sides' processor time beside it.
import { GENERATORS, generatorFor } from './load/generators.mjs'
import { coreTime, elapsed, memory, resetPeakMemory, threadTimes } from './proc.mjs'
import { cores } from './processes.mjs'
import { REQUESTS } from './requests.mjs'

/** Which part of a load counts for how busy both cores were: neither its begin nor its end. */
const SAMPLE_FROM = 0.25
const SAMPLE_TO = 0.85

/**
 * @typedef {object} Measurement
 * @property {number} rate requests/s
 * @property {number} cpu processor time of the process tree per request, in microseconds
 * @property {number | undefined} jsCpu the same of the thread that runs the app, where it is known
 * @property {number | undefined} p50 microseconds
 * @property {number | undefined} p99 microseconds
 * @property {number} memory peak of resident memory, in bytes
 * @property {number | undefined} serverBusy share of its core, 0 to 1
 * @property {number | undefined} loadBusy the same of the load generator
 * @property {number | undefined} disturbance share of the server's core that went to others
 * @property {number | undefined} [lostSpans] share of its spans that nobody got, where it exports any
 */

/**
 * @returns {Promise<Measurement>}
 * @throws {Error} when requests failed: a figure that counts errors is none
 */
export async function measure(running, server, scenario, seconds) {
  const { pid, port } = running
  const generator = GENERATORS[generatorFor(scenario)]
  const busy = new BusySampler(pid, seconds)
  resetPeakMemory(pid)
  const before = threadTimes(pid, server.jsThread)
  const stopWatching = await server.watch?.()
  const load = await generator(
    { ...scenario, port, request: REQUESTS[scenario.request], seconds },
    (loadPid) => busy.start(loadPid),
  )
  const spent = elapsed(before, threadTimes(pid, server.jsThread))
  const seen = await stopWatching?.()
  if (running.exited !== undefined) throw new Error(`the server died: ${running.lastWords}`)
  if (load.failed > 0) throw new Error(`${load.failed} of its requests failed`)
  if (load.requests === 0) throw new Error('it answered no request')
  const perRequest = (time) => time / 1000 / load.requests
  return {
    rate: load.requests / load.seconds,
    cpu: perRequest(spent.total),
    jsCpu: spent.js === undefined ? undefined : perRequest(spent.js),
    p50: load.p50,
    p99: load.p99,
    memory: memory(pid).peak,
    ...busy.shares,
    ...seen,
  }
}

/** Reads, in the midst of a load, what share of its core each side uses, and what others take. */
class BusySampler {
  #serverPid
  #seconds
  #first
  #last

  constructor(serverPid, seconds) {
    this.#serverPid = serverPid
    this.#seconds = seconds
  }

  start(loadPid) {
    const read = () => ({
      at: process.hrtime.bigint(),
      server: threadTimes(this.#serverPid),
      load: threadTimes(loadPid),
      core: coreTime(cores.server),
    })
    const after = (share, done) => setTimeout(done, this.#seconds * 1000 * share).unref()
    after(SAMPLE_FROM, () => {
      this.#first = read()
    })
    after(SAMPLE_TO, () => {
      this.#last = read()
    })
  }

  get shares() {
    const [first, last] = [this.#first, this.#last]
    if (first === undefined || last === undefined) return {}
    const time = Number(last.at - first.at)
    const serverBusy = elapsed(first.server, last.server).total / time
    return {
      serverBusy,
      disturbance: Math.max(0, (last.core - first.core) / time - serverBusy),
      loadBusy: elapsed(first.load, last.load).total / time,
    }
  }
}
