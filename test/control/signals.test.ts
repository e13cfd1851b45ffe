/** What signals have the arbiter do; those that end it are in test/faults. */
import { existsSync, readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ACTION_NAMES, actionOf, commandOf } from '../../lib/control/actions.ts'
import type { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'
import { answer, describeKinds, type Kind, Load, Site, THREAD } from './kinds.ts'

let site: Site
let server: SpawnedServer

const count = (text: string): number => server.output.split(text).length - 1
/** Waits until the log says so many times how many workers there are. */
const sized = (workers: number, times: number): Promise<void> =>
  until(`${workers} workers`, () => count(`Workers: ${workers}\n`) === times)

describeKinds((kind: Kind) => {
  beforeEach(async () => {
    site = new Site(kind)
  })
  afterEach(() => site.close())

  test('TTIN and TTOU change the number of workers and lose no request', async () => {
    server = await site.start('--workers', '1')
    const before = server.holdings
    const load = new Load(server)
    for (let round = 1; round <= 3; round++) {
      server.child.kill('SIGTTIN')
      await sized(2, round)
      server.child.kill('SIGTTOU')
      await sized(1, round)
    }
    await load.stop()
    await server.released(before)
    expect(count('is ready')).toBe(3)
    expect(server.entries('ERROR')).toEqual([])
  })

  test('a worker that TTOU takes away finishes what it holds', async () => {
    server = await site.start('--workers', '1')
    const held = answer(server, '/hold')
    await until('the request to be held', () => existsSync(site.path('held')))
    server.child.kill('SIGTTIN')
    await sized(2, 1)
    server.child.kill('SIGTTOU')
    await sized(1, 1)
    // The oldest goes, which is the one that holds it: the other one answers.
    const now = await answer(server)
    site.write('release', '')
    expect((await held).text).toBe('old')
    expect((await held).who).not.toBe(now.who)
  })

  test('a worker that cannot boot is not counted', async () => {
    server = await site.start('--workers', '1')
    const before = server.holdings
    const load = new Load(server)
    site.write(kind.file, kind.broken)
    server.child.kill('SIGTTIN')
    await until('the failure', () => count('a new worker could not boot') === 1)
    expect(server.output).toContain(kind.complaint)
    site.write(kind.file, kind.source('old'))
    server.child.kill('SIGTTIN')
    await sized(2, 1)
    server.child.kill('SIGTTOU')
    await sized(1, 2)
    await load.stop()
    await server.released(before)
  })
})

describe('the number of workers', () => {
  beforeEach(async () => {
    site = new Site(THREAD)
    server = await site.start('--workers', '2')
  })
  afterEach(() => site.close())

  test('is changed by as many as there were signals, however fast they came', async () => {
    // A kernel merges signals of one kind that are pending, so each is waited for.
    for (let signals = 1; signals <= 10; signals++) {
      server.child.kill(signals % 2 === 0 ? 'SIGTTOU' : 'SIGTTIN')
      await until('the signal to be heeded', () => count('Scaling from') === signals)
    }
    const sizes = (): string[] => server.output.match(/(?<=Workers: )\d+$/gm) ?? []
    await until('the last change', () => sizes().length === 10)
    expect(sizes().at(-1)).toBe('2')
  })

  test('never falls below one', async () => {
    for (let signals = 1; signals <= 3; signals++) {
      server.child.kill('SIGTTOU')
      await until('the signal to be heeded', () => count('(SIGTTOU)') === signals)
    }
    await sized(1, 1)
    expect(server.entries('WARNING').join('')).toContain('there can be 1 to 512 workers')
    expect((await answer(server)).text).toBe('old')
  })

  test('stays as it was changed when the workers are replaced', async () => {
    server.child.kill('SIGTTIN')
    await sized(3, 1)
    site.write(THREAD.file, THREAD.source('new'))
    server.child.kill('SIGHUP')
    await until('the reload', () => count('Reloaded') === 1)
    expect(count('follows worker')).toBe(3)
  })

  test('may be changed while the workers are replaced', async () => {
    const load = new Load(server)
    server.child.kill('SIGHUP')
    await until('the reload to begin', () => count('Reloading:') === 1)
    server.child.kill('SIGTTOU')
    await sized(1, 1)
    expect(count('Reloaded')).toBe(1)
    await load.stop()
  })
})

test('docs/signals.md lists every signal, every command and what they do', () => {
  const page = readFileSync(new URL('../../docs/signals.md', import.meta.url), 'utf8')
  for (const name of ACTION_NAMES) {
    const { signals, argument, doc } = actionOf(name)
    const names = Object.keys(signals).map((signal) => signal.replace('SIG', ''))
    const typed = [commandOf(name), ...(argument === undefined ? [] : [argument.shown])].join(' ')
    const cells = [names.join(', '), `\`${typed.replaceAll('|', '\\|')}\``, doc]
    expect(page).toContain(
      `\n|${cells.map((cell) => (cell === '' ? ' ' : ` ${cell} `)).join('|')}|\n`,
    )
  }
})
