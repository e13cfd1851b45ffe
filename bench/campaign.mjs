// Runs scenarios on servers in interleaved rounds and keeps every measurement. Each has a process of its own,
// which runs alone: one that has just been under load, or has just begun, collects its garbage for some seconds
// and would take a few percent of the core from the next; and one process may be a few percent faster or slower
// than another of its kind as long as it lives.
import { generatorFor } from './load/generators.mjs'
import { measure } from './measure.mjs'
import { startServer } from './processes.mjs'
import { check, REQUESTS } from './requests.mjs'
import { takesPart } from './scenarios.mjs'

/** Seconds of load before a measurement: compilers need it. */
const WARM_UP = 2

/**
 * @typedef {object} Series what one server gave in one scenario
 * @property {import('./measure.mjs').Measurement[]} rounds
 * @property {string} [failed] why there are no figures
 */

export class Campaign {
  #servers
  #scenarios
  #say
  #launchers = new Map()
  /** Servers and scenarios that do not run here: name and reason. */
  skipped = []
  /** @type {Map<string, Map<string, Series>>} by scenario, then by server */
  series = new Map()

  /** @param {(line: string) => void} say tells the progress */
  constructor(servers, scenarios, say) {
    this.#say = say
    this.#scenarios = scenarios.filter((scenario) => {
      if (generatorFor(scenario) !== undefined) return true
      this.skipped.push({ name: scenario.name, reason: `${scenario.generator} is not installed` })
      return false
    })
    this.#servers = servers.filter((server) =>
      this.#scenarios.some((scenario) => takesPart(server, scenario)),
    )
  }

  /**
   * Starts each server once, and has it answer; one that is not to be had is skipped, with the reason.
   *
   * @param {Map<string, ((port: number) => object) | Error>} prepared launchers by server
   */
  async start(prepared) {
    for (const server of this.#servers) {
      try {
        const launcher = prepared.get(server.name)
        if (launcher instanceof Error) throw launcher
        this.#launchers.set(server.name, launcher)
        await this.#withServer(server, (running) => this.#checkAnswers(server, running))
      } catch (error) {
        this.#launchers.delete(server.name)
        this.skipped.push({ name: server.name, reason: error.message })
        this.#say(`  ${server.label}: skipped: ${error.message}`)
      }
    }
    this.#servers = this.#servers.filter(({ name }) => this.#launchers.has(name))
  }

  /** Has a server run for as long as `use` takes. */
  async #withServer(server, use) {
    const request = REQUESTS[server.answers[0]]
    const answers = (port) => check(port, request, server.protocols[0])
    const running = await startServer(this.#launchers.get(server.name), answers)
    try {
      await use(running)
    } finally {
      await running.stop()
    }
  }

  /** Asks for each scenario's answer once: a wrong one is not measured. */
  async #checkAnswers(server, { port }) {
    for (const scenario of this.#scenarios.filter((one) => takesPart(server, one))) {
      try {
        // It would send the next request on the connection that is about to be closed, and wait.
        if (server.closes && generatorFor(scenario) === 'autocannon') {
          throw new Error('autocannon cannot measure a server that closes its connections')
        }
        await check(port, REQUESTS[scenario.request], scenario.protocol)
      } catch (error) {
        this.#refuse(server, scenario, error)
      }
    }
  }

  #refuse(server, scenario, error) {
    this.#seriesOf(scenario, server).failed = error.message
    this.#say(`  ${server.label}, ${scenario.name}: no figure: ${error.message}`)
  }

  /** Measures each pair of scenario and server once a round. */
  async run(rounds, seconds) {
    for (let round = 0; round < rounds; round++) {
      for (const scenario of this.#scenarios) {
        this.#say(`round ${round + 1} of ${rounds}: ${scenario.title}`)
        // Every second round runs backwards, so that no server always follows the same one.
        const order = round % 2 === 0 ? this.#servers : this.#servers.toReversed()
        for (const server of order.filter((one) => takesPart(one, scenario))) {
          await this.#measureOnce(server, scenario, seconds)
        }
      }
    }
  }

  async #measureOnce(server, scenario, seconds) {
    const series = this.#seriesOf(scenario, server)
    if (series.failed !== undefined) return
    try {
      await this.#withServer(server, async (running) => {
        await measure(running, server, scenario, WARM_UP)
        series.rounds.push(await measure(running, server, scenario, seconds))
      })
    } catch (error) {
      this.#refuse(server, scenario, error)
    }
  }

  #seriesOf(scenario, server) {
    const ofScenario = this.series.get(scenario.name) ?? new Map()
    this.series.set(scenario.name, ofScenario)
    const series = ofScenario.get(server.name) ?? { rounds: [] }
    ofScenario.set(server.name, series)
    return series
  }
}
