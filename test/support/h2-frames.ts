/**
 * HTTP/2 by hand (RFC 9113), for what a proper client refuses to send: frames from literal header
 * fields, and what came back. It speaks prior knowledge over TCP.
 */
import type { Socket } from 'node:net'
import { type Address, openSocket } from './client.ts'
import { PATIENCE_MS, within } from './wait.ts'

export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

export const FLAG = { endStream: 1, ack: 1, endHeaders: 4 } as const

export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

/** RFC 9113 section 4.1. */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** RFC 7541 section 6.2.2: literals without indexing, names and values without Huffman code. */
export function headerBlock(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.of(0), literal(name), literal(value)]),
  )
}

function literal(text: string): Buffer {
  return Buffer.concat([integer(text.length), Buffer.from(text, 'latin1')])
}

/** RFC 7541 section 5.1 with a prefix of 7 bits. */
function integer(value: number): Buffer {
  if (value < 127) return Buffer.of(value)
  const bytes = [127]
  let rest = value - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Buffer.from([...bytes, rest])
}

/** A request's HEADERS frame, with the stream's end unless `open`. */
export function headers(
  stream: number,
  fields: readonly (readonly [name: string, value: string])[],
  open = false,
): Buffer {
  const flags = FLAG.endHeaders | (open ? 0 : FLAG.endStream)
  return frame(FRAME.headers, flags, stream, headerBlock(fields))
}

/** A connection whose frames the test writes. */
export class H2Connection {
  readonly socket: Socket
  readonly frames: Frame[] = []
  #pending = Buffer.alloc(0)
  #over = false
  #waiting: (() => void)[] = []

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (bytes) => this.#push(bytes as Buffer))
    socket.on('error', () => undefined)
    // Its sockets stay half open otherwise.
    socket.on('end', () => socket.end())
    socket.on('close', () => {
      this.#over = true
      this.#wake()
    })
  }

  /** Connects, and sends the preface and empty settings. */
  static async connect(address: Address): Promise<H2Connection> {
    const connection = new H2Connection(await openSocket(address, 'h2'))
    connection.write(Buffer.from(PREFACE), frame(FRAME.settings, 0, 0))
    return connection
  }

  /** True once the connection has ended. */
  get isOver(): boolean {
    return this.#over
  }

  write(...frames: readonly Uint8Array[]): void {
    for (const bytes of frames) this.socket.write(bytes)
  }

  /** The first frame that `matches`, waiting for it; undefined when the connection ends first. */
  find(matches: (frame: Frame) => boolean, ms = PATIENCE_MS): Promise<Frame | undefined> {
    return within(ms, 'a frame', async () => {
      for (;;) {
        const found = this.frames.find(matches)
        if (found !== undefined || this.#over) return found
        await new Promise<void>((resolve) => this.#waiting.push(resolve))
      }
    })
  }

  async leave(): Promise<void> {
    this.socket.destroy()
    if (!this.#over) await new Promise((resolve) => this.socket.once('close', resolve))
  }

  #push(bytes: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, bytes])
    while (this.#pending.length >= 9) {
      const end = 9 + this.#pending.readUIntBE(0, 3)
      if (this.#pending.length < end) break
      this.#take({
        type: this.#pending[3]!,
        flags: this.#pending[4]!,
        stream: this.#pending.readUInt32BE(5) & 0x7fff_ffff,
        payload: this.#pending.subarray(9, end),
      })
      this.#pending = this.#pending.subarray(end)
    }
    this.#wake()
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }

  #take(received: Frame): void {
    this.frames.push(received)
    if (received.type === FRAME.settings && (received.flags & FLAG.ack) === 0)
      this.write(frame(FRAME.settings, FLAG.ack, 0))
  }
}

/** The status of an answer: RFC 7541 appendix A indexes 8 to 14, or a literal after them. */
export function statusOf(received: Frame): number {
  const first = received.payload[0]!
  const indexed = [200, 204, 206, 304, 400, 404, 500][(first & 0x7f) - 8]
  if ((first & 0x80) !== 0 && indexed !== undefined) return indexed
  // A literal with the indexed name `:status` (index 8 to 14), its value plain or in Huffman code.
  const size = received.payload[1]! & 0x7f
  const value = received.payload.subarray(2, 2 + size)
  if ((received.payload[1]! & 0x80) === 0) return Number(value.toString('latin1'))
  return Number(digits(value))
}

/** RFC 7541 appendix B, digits only: 0 to 2 have 5 bits, 3 to 9 have 6. */
function digits(code: Buffer): string {
  let bits = ''
  for (const byte of code) bits += byte.toString(2).padStart(8, '0')
  let text = ''
  while (bits.length >= 5) {
    const short = Number.parseInt(bits.slice(0, 5), 2)
    if (short < 3) {
      text += short
      bits = bits.slice(5)
      continue
    }
    const long = Number.parseInt(bits.slice(0, 6), 2) - 0x19 + 3
    if (bits.length < 6 || long < 3 || long > 9) break
    text += long
    bits = bits.slice(6)
  }
  return text
}
