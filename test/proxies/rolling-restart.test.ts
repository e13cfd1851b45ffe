/** A rolling restart of two servers behind a proxy that keeps connections to them loses no request. */
import { afterEach, expect, test } from 'vitest'
import { Load } from '../soak/load.ts'
import { Instance } from './instance.ts'
import { describeProxies, freePort, RunningProxy } from './proxy.ts'

const ROUNDS = 2

let instances: Instance[] = []
let proxy: RunningProxy | undefined
afterEach(async () => {
  await proxy?.stop()
  proxy = undefined
  // What the proxy has kept open is closed, and nothing is under way.
  const codes = await Promise.all(instances.map((instance) => instance.end()))
  expect(codes).toEqual(instances.map(() => 0))
  instances = []
})

describeProxies((kind) => {
  test('a rolling restart of both servers loses no request', async () => {
    for (let count = 0; count < 2; count++) instances.push(await Instance.start(await freePort()))
    const front = await RunningProxy.start(
      kind,
      instances.map(({ port }) => port),
    )
    proxy = front
    const load = new Load(front.http1, front.http2)
    for (const instance of instances) await instance.isAsked()
    for (let round = 0; round < ROUNDS; round++)
      for (const instance of instances) {
        await instance.restart()
        // Before the proxy has it back there is no other to stop.
        await instance.isAsked()
      }
    const tally = await load.stop()
    expect(tally.flaws).toEqual([])
    expect(tally.lost).toEqual([])
    expect(tally.right).toBeGreaterThan(0)
    for (const instance of instances) await instance.keptConnections()
  })
})
