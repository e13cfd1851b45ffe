import { expect, test } from 'vitest'
// @ts-expect-error the benchmark is JavaScript, which nobody imports but this
import { compare } from '../../bench/turns.mjs'

/** Two servers in turns, each on a core of any speed, whose rates follow it to the power of 0.9. */
function turnsOf(share: number, speedOf: (turn: number, server: string) => number) {
  const turns = []
  for (let round = 0; round < 3; round++)
    for (let turn = 0; turn < 8; turn++)
      for (const [server, factor] of [
        ['plain', 1],
        ['costly', share],
      ] as const) {
        const speed = speedOf(turn, server)
        turns.push({ round, server, speed, rate: 50_000 * factor * speed ** 0.9 })
      }
  return turns
}

test('a server that had the faster core in its turns is not taken for the faster one', () => {
  const speedOf = (turn: number, server: string) => 1 + turn / 8 + (server === 'costly' ? 0.7 : 0)
  const { costly } = compare(turnsOf(0.96, speedOf), 'plain')
  expect(costly.ratio).toBeCloseTo(0.96, 6)
  expect(costly.error).toBeCloseTo(0, 6)
})

test('the error of a ratio is as large as its rounds differ', () => {
  const turns = turnsOf(0.96, () => 1)
  // One process is slower by a tenth as long as it lives.
  for (const turn of turns) if (turn.round === 2 && turn.server === 'costly') turn.rate *= 0.9
  const { costly } = compare(turns, 'plain')
  expect(costly.ratio).toBeCloseTo(0.96 * 0.9 ** (1 / 3), 6)
  expect(costly.error).toBeCloseTo(-Math.log(0.9) / 3, 6)
})

test('of one round there is no error', () => {
  const turns = turnsOf(1, () => 1).filter(({ round }) => round === 0)
  expect(compare(turns, 'plain').costly).toEqual({ ratio: 1, error: undefined, rounds: [1] })
})
