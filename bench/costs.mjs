// What options cost that are to cost next to nothing: a percent or two, of which a campaign's rounds see
// nothing on a machine that is faster by half in one of them than in the next. So servers with and without take
// turns of a second, all of them warm and all but one stopped, and what the core could do in a turn is taken
// out of its rate.
import { GENERATORS, generatorFor } from './load/generators.mjs'
import { measure } from './measure.mjs'
import { startServer } from './processes.mjs'
import { check, REQUESTS } from './requests.mjs'
import { SCENARIOS } from './scenarios.mjs'
import { SERVERS } from './servers.mjs'
import { SpeedProbe } from './speed.mjs'
import { compare } from './turns.mjs'

/** The server without, and those with. */
const WITHOUT = 'monodon-fetch'
const WITH = ['monodon-logged', 'monodon-watched', 'monodon-told', 'monodon-traced-1']

const SCENARIO = SCENARIOS.find(({ name }) => name === 'hello-64')
const REQUEST = REQUESTS[SCENARIO.request]
/** Seconds of load before the first turn, and of a turn. */
const WARM_UP = 3
const TURN = 1
/** Of each process: a few, since processes differ more than the turns of one. */
const TURNS = 6

/**
 * @param {number} rounds in each, all have processes of their own: one may be a few percent faster than the
 *   next of its kind as long as it lives
 * @returns {Promise<Record<string, import('./turns.mjs').Cost>>} by server
 */
export async function costs(rounds, say) {
  const servers = []
  for (const name of [WITHOUT, ...WITH]) {
    const server = SERVERS.find((one) => one.name === name)
    servers.push({ server, launcher: await server.prepare() })
  }
  const generator = GENERATORS[generatorFor(SCENARIO)]
  const probe = new SpeedProbe()
  try {
    const turns = []
    for (let round = 0; round < rounds; round++) {
      say(`costs: round ${round + 1} of ${rounds}`)
      turns.push(...(await playRound(round, servers, { generator, probe })))
    }
    return compare(turns, WITHOUT)
  } finally {
    await probe.stop()
  }
}

/** @returns {Promise<import('./turns.mjs').Turn[]>} */
async function playRound(round, servers, means) {
  const players = []
  try {
    for (const { server, launcher } of servers) {
      const running = await startServer(launcher, (port) => check(port, REQUEST, SCENARIO.protocol))
      players.push({ server, running })
      await measure(running, server, SCENARIO, WARM_UP)
      running.pause()
    }
    const turns = []
    for (let turn = 0; turn < TURNS; turn++) {
      // Every second time backwards, so that none always follows the same one.
      for (const player of turn % 2 === 0 ? players : players.toReversed())
        turns.push({ round, server: player.server.name, ...(await takeTurn(player, means)) })
    }
    return turns
  } finally {
    for (const { running } of players) await running.stop()
  }
}

async function takeTurn({ server, running }, { generator, probe }) {
  running.resume()
  const looked = server.look?.()
  probe.begin()
  const { port } = running
  const load = await generator({ ...SCENARIO, port, request: REQUEST, seconds: TURN })
  const speed = await probe.read()
  await looked
  running.pause()
  if (load.failed > 0) throw new Error(`${server.name}: ${load.failed} requests failed`)
  return { rate: load.requests / load.seconds, speed }
}
