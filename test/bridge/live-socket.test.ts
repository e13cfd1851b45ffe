/** The worker's side of a WebSocket over a port that lends nothing: what waits, and in which order. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AHEAD_BYTES, FLAG, HIGH_WATER_BYTES } from '../../lib/bridge/layout.ts'
import { PacedSocket } from '../../lib/bridge/live-socket.ts'
import type { Outbox } from '../../lib/bridge/outbox.ts'

/** What was sent: the messages put together, and the close code behind them. */
class Sent {
  readonly messages: string[] = []
  closed: number | undefined
  /** Bytes that were not drained. */
  waiting = 0
  #pieces = ''

  get outbox(): Outbox {
    const outbox: Pick<Outbox, 'message' | 'close' | 'number'> = {
      message: (_, body, flags) => {
        expect(this.closed).toBe(undefined)
        const text = String(typeof body === 'string' ? body : Buffer.from(body))
        this.#pieces += text
        this.waiting += text.length
        expect(this.waiting).toBeLessThanOrEqual(AHEAD_BYTES)
        if ((flags & FLAG.more) === 0) {
          this.messages.push(this.#pieces)
          this.#pieces = ''
        }
        return text.length
      },
      close: (_, code) => {
        this.closed = code
      },
      number: () => undefined,
    }
    return outbox as Outbox
  }
}

function open(): { sent: Sent; socket: PacedSocket } {
  const sent = new Sent()
  const receiver = { message: () => undefined, closed: () => undefined }
  const socket = new PacedSocket(1, sent.outbox, receiver, {
    wrote: () => undefined,
    cut: () => undefined,
  })
  return { sent, socket }
}

/** The server takes all that it was sent, until nothing comes any more. */
function drain({ sent, socket }: ReturnType<typeof open>): void {
  while (sent.waiting > 0) {
    const bytes = sent.waiting
    sent.waiting = 0
    socket.drain(bytes)
  }
}

test('messages keep their order, and a close comes behind them', () => {
  const size = fc.oneof(fc.nat(100), fc.nat(400_000))
  fc.assert(
    fc.property(
      fc.array(fc.tuple(size, fc.boolean(), fc.boolean()), { maxLength: 12 }),
      (steps) => {
        const world = open()
        const { sent, socket } = world
        const expected: string[] = []
        for (const [length, isText, drains] of steps) {
          const text = String.fromCharCode(97 + (expected.length % 26)).repeat(length)
          expected.push(text)
          socket.send(isText ? text : Buffer.from(text))
          if (drains) drain(world)
        }
        socket.close(1000, '')
        socket.send('too late')
        socket.send('much too late'.repeat(50_000))
        drain(world)
        expect(sent.messages).toEqual(expected)
        expect(sent.closed).toBe(1000)
        expect(socket.buffered).toBe(0)
      },
    ),
    { numRuns: 200 },
  )
})

test('what waits counts from the high-water mark on, the backlog too', () => {
  const world = open()
  const { socket } = world
  socket.send('x'.repeat(1000))
  expect(socket.buffered).toBe(0)
  socket.send('x'.repeat(HIGH_WATER_BYTES))
  expect(socket.buffered).toBe(HIGH_WATER_BYTES + 1000)
  socket.send('x'.repeat(10 * AHEAD_BYTES))
  expect(socket.buffered).toBe(HIGH_WATER_BYTES + 1000 + 10 * AHEAD_BYTES)
  drain(world)
  expect(socket.buffered).toBe(0)
})

test('a backlog is dropped when the socket has ended', () => {
  const world = open()
  const { sent, socket } = world
  socket.send('x'.repeat(2 * AHEAD_BYTES))
  const { length } = sent.messages
  socket.closed(1006, '')
  drain(world)
  socket.send('late')
  expect(sent.messages).toHaveLength(length)
})
