/** The same for long (`npm run test:soak`): SOAK_MINUTES says for how many minutes. */
import { expect, test } from 'vitest'
import { memory } from '../support/leaks.ts'
import { kills, reloads, resizes, scales } from './churn.ts'
import { Load } from './load.ts'
import { describeKinds, KINDS, Scene } from './scene.ts'

const MINUTES = Number(process.env.SOAK_MINUTES) / KINDS.length
/** For the round that is under way at the end. */
const LAST_ROUND_MS = 600_000
/** Rounds of which a trend can be told: thirds of some length. */
const LEAST_ROUNDS = 6

/** How much memory may have grown from the second third of the rounds to the last one. */
const FLAT = { factor: 1.1, kilobytes: 8 * 1024 }

describeKinds('churn for long', (kind) => {
  test(
    'costs nothing but what dying workers held, and leaves nothing behind',
    async () => {
      const scene = await Scene.start(kind, 4, ['--timeout', '5s'])
      const resident: number[] = []
      let [sent, lost] = [0, 0]
      const end = Date.now() + MINUTES * 60_000
      try {
        while (Date.now() < end || resident.length < LEAST_ROUNDS) {
          const load = new Load(scene.server)
          await reloads(scene, 2)
          await resizes(scene, 2)
          await scales(scene)
          await kills(scene)
          const tally = await load.stop()
          scene.judge(tally)
          await scene.settled()
          sent += tally.sent
          lost += tally.lost.length
          resident.push(memory(scene.server.pid, 'VmRSS'))
          console.log(
            `${kind}, round ${resident.length}: ${sent} requests, ${lost} lost with workers that ` +
              `died, ${Math.round(resident.at(-1)! / 1024)} MB`,
          )
        }
      } finally {
        await scene.close()
      }
      expectFlat(resident)
    },
    MINUTES * 60_000 + LAST_ROUND_MS,
  )
})

/** In the first third, what is allocated once and kept comes to be. */
function expectFlat(kilobytes: readonly number[]): void {
  const third = Math.floor(kilobytes.length / 3)
  const middle = median(kilobytes.slice(third, 2 * third))
  const last = median(kilobytes.slice(2 * third))
  expect(last, `kilobytes, against ${middle} before`).toBeLessThan(
    middle * FLAT.factor + FLAT.kilobytes,
  )
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!
}
