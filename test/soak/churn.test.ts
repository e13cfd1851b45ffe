/**
 * Nothing is lost: servers under a steady load of every kind of client, while their workers are
 * replaced, killed and changed in number, and while they are stopped.
 */
import { afterEach, expect, test } from 'vitest'
import { until } from '../support/wait.ts'
import { kills, reloads, resizes, scales } from './churn.ts'
import { askOnce, KeepAliveLane } from './h1-lanes.ts'
import { Http2Lane } from './h2-lane.ts'
import { Load } from './load.ts'
import { question } from './questions.ts'
import { describeKinds, Scene, type WorkerKind } from './scene.ts'
import { Tally } from './tally.ts'

let scene: Scene
afterEach(() => scene.close())

/** How often; a worker in a process takes much longer to boot than a thread. */
const CHANGES: Readonly<Record<WorkerKind, { reloads: number; resizes: number }>> = {
  thread: { reloads: 20, resizes: 20 },
  process: { reloads: 4, resizes: 4 },
  python: { reloads: 4, resizes: 4 },
}
const KILL_ROUNDS = 2
/** For what hangs: on a machine with more to do a worker may take seconds to boot, and this takes dozens. */
const HANGS_MS = 900_000

describeKinds('a steady load', (kind) => {
  test(
    'notices nothing of reloads and of changes of the number of workers',
    async () => {
      scene = await Scene.start(kind, 2)
      const load = new Load(scene.server)
      await reloads(scene, CHANGES[kind].reloads)
      await resizes(scene, CHANGES[kind].resizes)
      await scales(scene)
      const tally = await load.stop()
      scene.judge(tally)
      expect(tally.lost).toEqual([])
      await scene.settled()
    },
    HANGS_MS,
  )

  test(
    'loses nothing but what was in the hands of workers that died',
    async () => {
      scene = await Scene.start(kind, 4, ['--timeout', '5s'])
      const load = new Load(scene.server)
      for (let round = 0; round < KILL_ROUNDS; round++) await kills(scene)
      const tally = await load.stop()
      scene.judge(tally)
      await scene.settled()
    },
    HANGS_MS,
  )
})

describeKinds('TERM', (kind) => {
  test('lets all that is under way be finished', async () => {
    scene = await Scene.start(kind, 2)
    const { server } = scene
    const tally = new Tally()
    const kept = new KeepAliveLane(server, tally)
    await kept.ask(question('small'))
    const session = new Http2Lane(server, tally)
    await session.ask([question('small')])
    let sendTheRest = (): void => {}
    const halfway = new Promise<void>((resolve) => {
      sendTheRest = resolve
    })
    const answers = [
      kept.ask(question('hold')),
      askOnce(server, question('hold'), tally),
      askOnce(server, question('pause'), tally),
      askOnce(server, question('upload'), tally, halfway),
      session.ask([question('hold'), question('pause')]),
    ]
    await scene.until('all to be with workers', ({ claimed }) => claimed === 6)
    server.child.kill('SIGTERM')
    await scene.until('it to drain', ({ state }) => state === 'draining')
    sendTheRest()
    scene.release()
    await Promise.all(answers)
    await until('it to end', () => !server.running)
    expect(tally.flaws).toEqual([])
    expect(tally).toMatchObject({ sent: 8, right: 8 })
    await session.leave()
  })
})
