/** Nothing is lost: a steady load of every kind of client, while one server takes the place of another. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Site } from '../control/upgrades.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { Load } from './load.ts'
import { describeKinds, place } from './scene.ts'

const UPGRADES = 5

let site: Site
beforeEach(() => {
  site = new Site()
})
afterEach(() => site.close())

describeKinds('five upgrades in a row', (kind) => {
  test('lose nothing', async () => {
    const { app, flags } = place(kind, site.folder)
    const all = [...flags, '--workers', '2', '--upgrade-mode', 'auto', '--queue-timeout', '2m']
    site.server = await SpawnedServer.start(app, all, {}, site.folder)
    const load = new Load(site.server)
    for (let count = 0; count < UPGRADES; count++) {
      const old = site.running.at(-1)!
      await site.upgrade()
      await site.ended(old)
    }
    const tally = await load.stop()
    expect(tally.flaws).toEqual([])
    expect(tally.lost).toEqual([])
    expect(tally.right).toBeGreaterThan(0)
    expect(site.running).toHaveLength(1)
  })
})
