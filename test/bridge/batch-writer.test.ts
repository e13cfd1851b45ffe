import { Duplex } from 'node:stream'
import { beforeEach, expect, it } from 'vitest'
import { type Batch, BatchWriter, newBatch } from '../../lib/bridge/batch-writer.ts'
import type { NativeEnclosing } from '../../lib/bridge/native.ts'

/** What reached the socket, by Node's stream and by native code, in order. */
let sent: string[]
/** Writes of Node's stream that are not done. */
let open: ((error?: Error) => void)[]
/** Bytes that native code can send at once; by turns, the last one stays. */
let room: number[]

const socket = () =>
  new Duplex({
    read: () => {},
    write: (bytes: Buffer, _, done) => {
      sent.push(shown(bytes))
      open.push(done)
    },
    writev: (chunks, done) => {
      sent.push(...chunks.map(({ chunk }) => shown(chunk as Buffer)))
      open.push(done)
    },
    final: (done) => {
      sent.push('end')
      done()
    },
  })

const enclosing: NativeEnclosing = {
  tell: () => 0,
  add: () => true,
  send: (batch, count) => {
    const most = room.length > 1 ? room.shift()! : room[0]!
    const bytes = Math.min(most, batch.length)
    if (bytes > 0) sent.push(`natively ${count}: ${shown(Buffer.from(batch.subarray(0, bytes)))}`)
    return bytes
  },
}

/** The text of a batch; `empty` for one without, `rest` for what is none. */
function shown(bytes: Buffer): string {
  if (bytes.length < 12 || bytes.readUInt32LE(0) > 1000) return `rest ${bytes}`
  return bytes.subarray(12).toString() || 'empty'
}

const batch = (text: string, files = 0): Batch => ({
  bytes: newBatch(Buffer.from(text), 1),
  files,
})

/** Has the stream's writes be done, and those that follow from them. */
async function settle(): Promise<void> {
  while (open.length > 0) {
    for (const done of open.splice(0)) done()
    await new Promise(setImmediate)
  }
}

beforeEach(() => {
  sent = []
  open = []
  room = [1000]
})

it('sends a batch with files past a stream that has nothing to write', async () => {
  const writer = new BatchWriter(socket(), enclosing)
  writer.write([batch('a', 2), batch('b'), batch('c')])
  expect(sent).toEqual(['natively 2: a', 'b', 'c'])
})

it('keeps the order when the stream has not written what came before', async () => {
  const writer = new BatchWriter(socket(), enclosing)
  writer.write([batch('a')])
  writer.write([batch('b', 1), batch('c')])
  writer.write([batch('d')])
  writer.write([batch('e', 3)])
  expect(sent).toEqual(['a'])
  await settle()
  expect(sent.filter((text) => text !== 'empty')).toEqual([
    ...['a', 'natively 1: b', 'c', 'd', 'natively 3: e'],
  ])
})

it('waits while the socket is full', async () => {
  room = [0, 0, 1000]
  const writer = new BatchWriter(socket(), enclosing)
  writer.write([batch('a', 1), batch('b')])
  await settle()
  expect(sent).toEqual(['empty', 'empty', 'natively 1: a', 'b'])
})

it('leaves to the stream what native code had no room for', async () => {
  room = [14, 1000]
  const writer = new BatchWriter(socket(), enclosing)
  writer.write([batch('abcd', 1), batch('e'), batch('f', 1)])
  await settle()
  expect(sent.filter((text) => text !== 'empty')).toEqual([
    ...['natively 1: ab', 'rest cd', 'e', 'natively 1: f'],
  ])
})

it('ends the socket once all is written', async () => {
  room = [0, 1000]
  const writer = new BatchWriter(socket(), enclosing)
  writer.write([batch('a', 1)])
  const ended = writer.end()
  await settle()
  await ended
  expect(sent).toEqual(['empty', 'natively 1: a', 'end'])
})

it('gives up what waits when the stream fails', async () => {
  const stream = socket().on('error', () => {})
  const writer = new BatchWriter(stream, enclosing)
  writer.write([batch('a')])
  writer.write([batch('b', 1)])
  const ended = writer.end()
  open.shift()!(new Error('gone'))
  await ended
  expect(sent).toEqual(['a'])
})
