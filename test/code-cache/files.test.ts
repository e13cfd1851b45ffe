import { chmodSync, chownSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readTrusted, writeTrusted } from '../../lib/code-cache/files.ts'
import { Scratch } from '../support/scratch.ts'

const BYTES = Buffer.from('code')
/** Neither this user, nor root, nor who has written the package. */
const SOMEBODY = 4711
const isRoot = process.geteuid?.() === 0

let scratch: Scratch
beforeEach(() => {
  scratch = new Scratch()
})
afterEach(() => scratch.remove())

test('what is written is read, in a folder that is made for it', () => {
  const folder = scratch.path('cache/monodon')
  expect(readTrusted(`${folder}/one`)).toBeUndefined()
  expect(writeTrusted(folder, 'one', Buffer.from('before'))).toBe(true)
  expect(writeTrusted(folder, 'one', BYTES)).toBe(true)
  expect(readTrusted(`${folder}/one`)).toEqual(BYTES)
  expect(readdirSync(folder)).toEqual(['one'])
})

test('a file is not read that its group or others may write', () => {
  const path = scratch.path('one')
  writeFileSync(path, BYTES)
  for (const mode of [0o664, 0o646]) {
    chmodSync(path, mode)
    expect(readTrusted(path), mode.toString(8)).toBeUndefined()
  }
  chmodSync(path, 0o644)
  expect(readTrusted(path)).toEqual(BYTES)
})

test('a link is not followed, and nothing else than a file is read', () => {
  writeFileSync(scratch.path('one'), BYTES, { mode: 0o644 })
  symlinkSync(scratch.path('one'), scratch.path('link'))
  expect(readTrusted(scratch.path('link'))).toBeUndefined()
  expect(readTrusted(scratch.folder)).toBeUndefined()
})

test('nothing is written into a folder that others may write', () => {
  const folder = scratch.path('open')
  mkdirSync(folder)
  chmodSync(folder, 0o777)
  expect(writeTrusted(folder, 'one', BYTES)).toBe(false)
  symlinkSync(scratch.path('elsewhere'), scratch.path('link'))
  mkdirSync(scratch.path('elsewhere'), { mode: 0o755 })
  expect(writeTrusted(scratch.path('link'), 'one', BYTES)).toBe(false)
  expect(readdirSync(folder)).toEqual([])
})

test.runIf(isRoot)(
  'what another user has written is not read, nor is a folder of theirs written to',
  () => {
    const path = scratch.path('one')
    writeFileSync(path, BYTES, { mode: 0o644 })
    chownSync(path, SOMEBODY, SOMEBODY)
    expect(readTrusted(path)).toBeUndefined()
    const folder = scratch.path('theirs')
    mkdirSync(folder, { mode: 0o755 })
    chownSync(folder, SOMEBODY, SOMEBODY)
    expect(writeTrusted(folder, 'one', BYTES)).toBe(false)
    expect(writeTrusted(`${folder}/new`, 'one', BYTES)).toBe(false)
    expect(readdirSync(folder)).toEqual([])
  },
)
