// Compares servers that took turns on a core whose speed changes.
import { median } from './figures.mjs'

/**
 * @typedef {object} Turn
 * @property {number} round
 * @property {string} server
 * @property {number} rate requests/s
 * @property {number} speed of the core, in any unit
 */

/**
 * @typedef {object} Cost
 * @property {number} ratio of the rate without it, at the same speed of the core
 * @property {number | undefined} error the standard error of it, as the rounds differ
 * @property {number[]} rounds the ratio of each
 */

/**
 * What each server's rate is of that of `without`, in turns of any speed.
 *
 * @param {Turn[]} turns
 * @param {string} without
 * @returns {Record<string, Cost>}
 */
export function compare(turns, without) {
  /** The turns of each process, with the logarithms of what was measured. */
  const rounds = []
  for (const { round, server, rate, speed } of turns) {
    rounds[round] ??= {}
    rounds[round][server] ??= []
    rounds[round][server].push({ rate: Math.log(rate), speed: Math.log(speed) })
  }
  const follows = slope(rounds.flatMap(Object.values))
  const level = (process) => median(process.map(({ rate, speed }) => rate - follows * speed))
  const servers = Object.keys(rounds[0]).filter((server) => server !== without)
  return Object.fromEntries(
    servers.map((server) => {
      const differences = rounds.map((round) => level(round[server]) - level(round[without]))
      const cost = {
        ratio: Math.exp(mean(differences)),
        error: standardError(differences),
        rounds: differences.map(Math.exp),
      }
      return [server, cost]
    }),
  )
}

/** How the rate of a process follows the speed of its core, by least squares within each process. */
function slope(processes) {
  let both = 0
  let square = 0
  for (const turns of processes) {
    const speed = mean(turns.map((turn) => turn.speed))
    const rate = mean(turns.map((turn) => turn.rate))
    for (const turn of turns) {
      both += (turn.speed - speed) * (turn.rate - rate)
      square += (turn.speed - speed) ** 2
    }
  }
  return square > 0 ? both / square : 0
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length

function standardError(values) {
  if (values.length < 2) return undefined
  const middle = mean(values)
  const variance = mean(values.map((value) => (value - middle) ** 2))
  return Math.sqrt(variance / (values.length - 1))
}
