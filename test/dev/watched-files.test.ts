import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WatchedFiles } from '../../lib/control/reload/watched-files.ts'
import { fileVersion } from '../../lib/file-version.ts'
import { until } from '../support/wait.ts'

describe.each([
  ['events', true],
  ['looks', false],
])('files under watch, by %s,', (_, usesEvents) => {
  let folder: string
  let changes: string[]
  let files: WatchedFiles
  const path = (name: string): string => join(folder, name)
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'monodon-watch-'))
    changes = []
    files = new WatchedFiles(usesEvents, (changed) => changes.push(changed))
  })
  afterEach(() => {
    files.close()
    rmSync(folder, { recursive: true })
  })

  it('tell when they change, and when they come to be', async () => {
    writeFileSync(path('a'), '1')
    files.add(path('a'))
    files.add(path('b'))
    writeFileSync(path('other'), '1')
    writeFileSync(path('a'), '22')
    await until('the change', () => changes.includes(path('a')))
    writeFileSync(path('b'), '1')
    await until('the new file', () => changes.includes(path('b')))
    expect(new Set(changes)).toEqual(new Set([path('a'), path('b')]))
  })

  it('tell of nothing when they go, and come back as they were', async () => {
    for (const name of ['a', 'last']) {
      writeFileSync(path(name), '1')
      utimesSync(path(name), 1, 1)
      files.add(path(name))
    }
    rmSync(path('a'))
    writeFileSync(path('a'), '1')
    utimesSync(path('a'), 1, 1)
    writeFileSync(path('last'), '22')
    await until('the later change', () => changes.includes(path('last')))
    expect(changes.filter((changed) => changed === path('last'))).toEqual(changes)
  })

  it('have changed if another version was loaded, or if one who loaded before knows another', () => {
    writeFileSync(path('a'), '1')
    files.add(path('a'), fileVersion(path('a')))
    expect(changes).toEqual([])
    files.add(path('a'), 'another version')
    expect(changes).toEqual([path('a')])
    writeFileSync(path('a'), '22')
    files.add(path('a'), fileVersion(path('a')))
    expect(changes).toHaveLength(2)
    files.add(path('never there'), '')
    expect(changes).toHaveLength(2)
  })
})
