import { expect, test } from 'vitest'
import { pack, unpack } from '../../lib/code-cache/pack.ts'

const FILES = new Map([
  ['a.js', { source: Buffer.from('a = “1”\n'), code: Buffer.from([1, 2, 3]) }],
  ['b/c.js', { source: Buffer.from(''), code: Buffer.from([10, 0]) }],
])

test('what was packed is found again', () => {
  expect(unpack(pack(FILES))).toEqual(FILES)
  expect(unpack(pack(new Map()))).toEqual(new Map())
})

test('nothing is found where a single byte is wrong, missing or more', () => {
  const whole = pack(FILES)
  for (const [at, byte] of whole.entries()) {
    const damaged = Buffer.from(whole)
    damaged[at] = byte ^ 0x40
    expect(unpack(damaged).size, `byte ${at}`).toBe(0)
    expect(unpack(whole.subarray(0, at)).size, `the first ${at} bytes`).toBe(0)
  }
  expect(unpack(Buffer.concat([whole, Buffer.from('x')])).size).toBe(0)
})
