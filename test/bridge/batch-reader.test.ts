import { describe, expect, it } from 'vitest'
import { BatchReader } from '../../lib/bridge/batch-reader.ts'
import { BATCH_BYTES, KIND } from '../../lib/bridge/layout.ts'
import { batch, drain, record, request, stop, tell } from '../support/socket-peer.ts'

/** The records of all batches that are complete. */
function takeAll(reader: BatchReader): string[] {
  const taken: string[] = []
  const target = Buffer.alloc(BATCH_BYTES)
  while (reader.isComplete) {
    const { records } = reader
    taken.push(`${records}:${target.subarray(0, reader.take(target)).toString('hex')}`)
  }
  return taken
}

const BATCHES = [
  [tell({ type: 'start' })],
  [],
  [request(1, { target: '/a?b', headers: { host: 'x' } }), request(2), drain(7, 9)],
  [stop(1000)],
]
const STREAM = Buffer.concat(BATCHES.map((records) => batch(...records)))
const WHOLE = BATCHES.map(
  (records) => `${records.length}:${Buffer.concat(records).toString('hex')}`,
)

describe('a stream of batches', () => {
  it('is cut the same wherever it is split in two', () => {
    for (let split = 0; split <= STREAM.length; split++) {
      const reader = new BatchReader()
      reader.append(STREAM.subarray(0, split))
      const first = takeAll(reader)
      reader.append(STREAM.subarray(split))
      expect([...first, ...takeAll(reader)]).toEqual(WHOLE)
    }
  })

  it.each([1, 3, 5, 13])('is cut the same in pieces of %i bytes', (size) => {
    const reader = new BatchReader()
    const taken: string[] = []
    for (let at = 0; at < STREAM.length; at += size) {
      reader.append(STREAM.subarray(at, at + size))
      taken.push(...takeAll(reader))
    }
    expect(taken).toEqual(WHOLE)
  })

  it('is kept when far more comes than is taken, and goes on after it', () => {
    const reader = new BatchReader()
    const largest = record(KIND.bodyChunk, {
      words: [BATCH_BYTES - 16],
      bytes: Buffer.alloc(BATCH_BYTES - 16, 'x'),
    })
    const stream = Buffer.concat(Array.from({ length: 5 }, () => batch(largest)))
    // An odd size, so that the buffer has to grow and to move what is in it.
    for (let at = 0; at < stream.length; at += 99_999)
      reader.append(stream.subarray(at, at + 99_999))
    expect(takeAll(reader)).toEqual(Array(5).fill(`1:${largest.toString('hex')}`))
    reader.append(STREAM)
    expect(takeAll(reader)).toEqual(WHOLE)
  })

  it.each([
    ['longer than batches are', BATCH_BYTES + 4],
    ['not of whole words', 6],
  ])('is refused with a batch that is %s', (_, size) => {
    const reader = new BatchReader()
    const head = Buffer.alloc(12)
    head.writeUInt32LE(size)
    reader.append(head)
    expect(() => reader.isComplete).toThrow(
      expect.objectContaining({ code: 'MONODON_MALFORMED_BATCH' }),
    )
  })
})
