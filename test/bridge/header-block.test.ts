import { describe, expect, it } from 'vitest'
import { blockEntries } from '../../lib/bridge/head.ts'
import { encodeHeader, encodeReason } from '../../lib/bridge/header-block.ts'

describe('header blocks', () => {
  it('give back what was encoded, names in lower case', () => {
    const block =
      encodeHeader('Content-Type', 'text/plain') +
      encodeHeader('X-Own', 'é') +
      encodeHeader('etag', '')
    expect(blockEntries(block)).toEqual([
      ['content-type', 'text/plain'],
      ['x-own', 'é'],
      ['etag', ''],
    ])
  })

  it.each(['a\r\nb: c', 'a\0', '\u0100', 'a\nb'])('refuse the value %j', (value) => {
    expect(() => encodeHeader('x-own', value)).toThrow(/header field/)
  })

  it.each(['', 'a b', 'a:', 'ä', 'x\n'])('refuse the name %j', (name) => {
    expect(() => encodeHeader(name, 'a')).toThrow(/header field/)
  })

  it('carry a reason phrase that is not the usual one', () => {
    expect(encodeReason(404, 'Not Found')).toBe('')
    expect(encodeReason(404, '')).toBe('')
    expect(blockEntries(encodeReason(404, 'Nope'))).toEqual([[':reason', 'Nope']])
    expect(() => encodeReason(404, 'a\r\nb: c')).toThrow(/header field/)
  })
})
