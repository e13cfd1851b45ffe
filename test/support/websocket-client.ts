/**
 * A WebSocket client by hand (RFC 6455), for what a proper one refuses to send: frames go out as they
 * are given, and what comes back is read strictly.
 */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
  type IncomingHttpHeaders,
  type Settings,
} from 'node:http2'
import { connect, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Address } from './client.ts'
import { PATIENCE_MS, within } from './wait.ts'

export const OPCODE = { more: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** A frame as it came. */
export interface Frame {
  readonly opcode: number
  readonly isLast: boolean
  /** The three reserved bits, the first in bit 2. */
  readonly reserved: number
  readonly payload: Buffer
}

export interface FrameOptions {
  /** Default: true. */
  readonly isLast?: boolean
  /** The three reserved bits, the first in bit 2. Default: 0. */
  readonly reserved?: number
  /** Default: true, as clients must. */
  readonly isMasked?: boolean
  /** The length that is announced, if that is not the payload's. */
  readonly length?: number
}

/** A frame (section 5.2). */
export function frameOf(
  opcode: number,
  payload: Uint8Array | string = '',
  { isLast = true, reserved = 0, isMasked = true, length }: FrameOptions = {},
): Buffer {
  const bytes = Buffer.from(payload as Uint8Array)
  const announced = length ?? bytes.length
  const head = [(isLast ? 0x80 : 0) | (reserved << 4) | opcode]
  const masked = isMasked ? 0x80 : 0
  if (announced < 126) head.push(masked | announced)
  else if (announced < 65_536) head.push(masked | 126, announced >> 8, announced & 0xff)
  else {
    const long = Buffer.alloc(8)
    long.writeBigUInt64BE(BigInt(announced))
    head.push(masked | 127, ...long)
  }
  if (!isMasked) return Buffer.concat([Buffer.from(head), bytes])
  const mask = randomBytes(4)
  for (let i = 0; i < bytes.length; i++) bytes[i]! ^= mask[i & 3]!
  return Buffer.concat([Buffer.from(head), mask, bytes])
}

/** A close frame's payload. */
export function closing(code: number, reason: Uint8Array | string = ''): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(code)
  return Buffer.concat([bytes, Buffer.from(reason as Uint8Array)])
}

/** The fields of a valid offer, by name in lower case; `undefined` leaves one out. */
export type OfferFields = Record<string, string | readonly string[] | undefined>

/** A request that offers a WebSocket. */
export function offer(target: string, fields: OfferFields = {}, line?: string): string {
  const all: OfferFields = {
    host: 'localhost',
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': KEY,
    ...fields,
  }
  const lines = Object.entries(all).flatMap(([name, value]) =>
    (value === undefined ? [] : [value].flat()).map((one) => `${name}: ${one}`),
  )
  return `${[line ?? `GET ${target} HTTP/1.1`, ...lines].join('\r\n')}\r\n\r\n`
}

/** RFC 6455 section 1.3: this key, and what it is accepted by. */
export const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const ACCEPTED = createHash('sha1')
  .update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
  .digest('base64')

/** A message, put together from its frames. */
export interface Message {
  readonly isText: boolean
  readonly bytes: Buffer
  readonly frames: readonly Frame[]
}

/** What a WebSocket is spoken over. */
export type Carrier = 'HTTP/1.1' | 'HTTP/2'

/** An open WebSocket. */
export class SocketClient {
  /** The connection, or the stream of HTTP/2. */
  readonly socket: Duplex
  /** The answer's fields, by name in lower case; several lines are a list. */
  readonly fields: ReadonlyMap<string, readonly string[]>
  readonly #frames: Frame[] = []
  #pending: Buffer[] = []
  #pendingBytes = 0
  #needed = 2
  #over = false
  #failure: Error | undefined
  #waiting: (() => void) | undefined

  private constructor(socket: Duplex, fields: ReadonlyMap<string, readonly string[]>) {
    this.socket = socket
    this.fields = fields
    const finish = (): void => {
      this.#over = true
      this.#waiting?.()
    }
    socket.on('data', (bytes) => this.#push(bytes as Buffer))
    socket.on('error', () => undefined)
    for (const event of ['end', 'close']) socket.on(event, finish)
  }

  /**
   * Opens a WebSocket, on a connection of its own.
   *
   * @throws Error with the answer when it is none that accepts the offer
   */
  static async open(
    address: Address,
    target: string,
    fields: OfferFields = {},
    carrier: Carrier = 'HTTP/1.1',
  ): Promise<SocketClient> {
    if (carrier === 'HTTP/2') {
      const session = await connectForSockets(address)
      const client = await SocketClient.openOn(session, target, fields).catch((error: unknown) => {
        session.destroy()
        throw error
      })
      client.socket.once('close', () => session.destroy())
      return client
    }
    const socket = connect({ host: address.host, port: address.port, allowHalfOpen: true })
    socket.setNoDelay(true)
    socket.write(offer(target, fields))
    const [head, rest] = await within(PATIENCE_MS, 'the answer to an offer', () => headOf(socket))
    const [line, ...lines] = head.split('\r\n')
    const answered = new Map<string, string[]>()
    for (const field of lines) {
      const [name = '', value = ''] = field.split(/: (.*)/)
      answered.set(name.toLowerCase(), [...(answered.get(name.toLowerCase()) ?? []), value])
    }
    const is = (name: string, value: string) => answered.get(name)?.join().toLowerCase() === value
    const isAccepted =
      line === 'HTTP/1.1 101 Switching Protocols' &&
      is('upgrade', 'websocket') &&
      is('connection', 'upgrade') &&
      answered.get('sec-websocket-accept')?.join() === ACCEPTED
    if (!isAccepted) {
      socket.destroy()
      throw new Error(head)
    }
    const client = new SocketClient(socket, answered)
    client.#push(rest)
    socket.resume()
    return client
  }

  /**
   * Opens a WebSocket as a stream of a connection that `connectForSockets` has made (RFC 8441).
   *
   * @throws Error with the status when the offer is not accepted, or the stream is reset
   */
  static async openOn(
    session: ClientHttp2Session,
    target: string,
    fields: OfferFields = {},
  ): Promise<SocketClient> {
    const stream = session.request({
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':authority': 'localhost',
      ':path': target,
      'sec-websocket-version': '13',
      ...fields,
    })
    const answered = await within(PATIENCE_MS, 'the answer to an offer', () => answerOf(stream))
    const client = new SocketClient(stream, answered)
    stream.resume()
    return client
  }

  /** Frames that have come and that nobody has taken. */
  get waiting(): number {
    return this.#frames.length
  }

  /** Sends bytes as they are. Resolves when the kernel has them, or the connection is gone. */
  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => this.socket.write(bytes, () => resolve()))
  }

  send(opcode: number, payload?: Uint8Array | string, options?: FrameOptions): Promise<void> {
    return this.write(frameOf(opcode, payload, options))
  }

  text(text: string): Promise<void> {
    return this.send(OPCODE.text, text)
  }

  /** The next frame. Rejects when the connection ends first. */
  frame(ms = PATIENCE_MS): Promise<Frame> {
    return within(ms, 'a frame', async () => {
      for (;;) {
        const frame = this.#frames.shift()
        if (frame !== undefined) return frame
        if (this.#failure !== undefined) throw this.#failure
        if (this.#over) throw new Error('the connection has ended')
        await new Promise<void>((resolve) => {
          this.#waiting = resolve
        })
      }
    })
  }

  /** The next message; control frames before it must not come. */
  async message(): Promise<Message> {
    const frames = [await this.frame()]
    while (!frames.at(-1)!.isLast) frames.push(await this.frame())
    const [first, ...others] = frames
    if (first!.opcode !== OPCODE.text && first!.opcode !== OPCODE.binary)
      throw new Error(`frame ${first!.opcode} in place of a message: ${first!.payload}`)
    if (others.some(({ opcode }) => opcode !== OPCODE.more)) throw new Error('a bad fragment')
    const bytes = Buffer.concat(frames.map(({ payload }) => payload))
    return { isText: first!.opcode === OPCODE.text, bytes, frames }
  }

  /** The next message, which is text. */
  async said(): Promise<string> {
    const { isText, bytes } = await this.message()
    if (!isText) throw new Error('a binary message in place of text')
    return bytes.toString()
  }

  /** The next frame, which closes: its code (1005 without one) and reason. */
  async closeFrame(): Promise<readonly [code: number, reason: string]> {
    const { opcode, payload } = await this.frame()
    if (opcode !== OPCODE.close) throw new Error(`frame ${opcode} in place of a close frame`)
    if (payload.length === 0) return [1005, '']
    return [payload.readUInt16BE(), payload.subarray(2).toString()]
  }

  /** Resolves once the server has ended the connection, and ends our side. Frames before must not come. */
  async ended(ms = PATIENCE_MS): Promise<void> {
    await within(ms, 'the end of the connection', async () => {
      while (!this.#over)
        await new Promise<void>((resolve) => {
          this.#waiting = resolve
        })
    })
    this.socket.destroy()
    if (this.#frames.length > 0) throw new Error(`frame ${this.#frames[0]!.opcode} was left`)
  }

  /** Closes as a client should. Gives what the server said. */
  async close(code = 1000, reason = ''): Promise<readonly [code: number, reason: string]> {
    await this.send(OPCODE.close, closing(code, reason))
    const answer = await this.closeFrame()
    await this.ended()
    return answer
  }

  /** Goes away without a word. */
  async leave(): Promise<void> {
    this.#cancel()
    this.socket.destroy()
    if (!this.socket.closed) await new Promise((resolve) => this.socket.once('close', resolve))
  }

  /** Resets the connection, or the stream. */
  reset(): void {
    if (this.socket instanceof Socket) this.socket.resetAndDestroy()
    else this.#cancel()
  }

  #cancel(): void {
    if (this.socket instanceof Socket) return
    ;(this.socket as ClientHttp2Stream).close(constants.NGHTTP2_CANCEL)
  }

  #push(bytes: Buffer): void {
    this.#pending.push(bytes)
    this.#pendingBytes += bytes.length
    if (this.#pendingBytes < this.#needed) return
    let rest = Buffer.concat(this.#pending)
    for (;;) {
      const cut = cutFrame(rest)
      if (typeof cut === 'number') {
        this.#needed = cut
        break
      }
      if (cut instanceof Error) {
        this.#failure ??= cut
        break
      }
      this.#frames.push(cut.frame)
      rest = rest.subarray(cut.bytes)
    }
    this.#pending = [rest]
    this.#pendingBytes = rest.length
    this.#waiting?.()
  }
}

/** The first frame, how many bytes there have to be to tell, or what is wrong with it. */
function cutFrame(bytes: Buffer): { frame: Frame; bytes: number } | number | Error {
  if (bytes.length < 2) return 2
  const [first, second] = bytes as unknown as [number, number]
  // Section 5.1.
  if (second & 0x80) return new Error('the server has masked a frame')
  const short = second & 0x7f
  const head = short === 126 ? 4 : short === 127 ? 10 : 2
  if (bytes.length < head) return head
  const length =
    head === 4 ? bytes.readUInt16BE(2) : head === 10 ? Number(bytes.readBigUInt64BE(2)) : short
  if (bytes.length < head + length) return head + length
  const payload = bytes.subarray(head, head + length)
  const frame = { opcode: first & 15, isLast: first >= 0x80, reserved: (first >> 4) & 7, payload }
  return { frame, bytes: head + length }
}

/** A connection of HTTP/2 whose server has said that it takes extended CONNECT. */
export async function connectForSockets({ host, port }: Address): Promise<ClientHttp2Session> {
  const session = connectHttp2(`http://${host}:${port}`)
  session.on('error', () => undefined)
  const [settings] = await within(PATIENCE_MS, 'the settings', () =>
    once(session, 'remoteSettings'),
  )
  if ((settings as Settings).enableConnectProtocol !== true)
    throw new Error('SETTINGS_ENABLE_CONNECT_PROTOCOL was not announced')
  return session
}

/** The fields of the answer that opens a stream. */
async function answerOf(stream: ClientHttp2Stream): Promise<Map<string, readonly string[]>> {
  const fields = await new Promise<IncomingHttpHeaders>((resolve, reject) => {
    stream.on('response', resolve)
    stream.on('error', reject)
    stream.on('close', () => reject(new Error(`the stream was reset: ${stream.rstCode}`)))
  })
  const { ':status': status, ...others } = fields
  if (Number(status) !== 200) {
    stream.destroy()
    throw new Error(`HTTP/2 ${status}`)
  }
  return new Map(Object.entries(others).map(([name, value = '']) => [name, [value].flat()]))
}

/** An answer's head, and what came behind it. */
async function headOf(socket: Socket): Promise<readonly [head: string, rest: Buffer]> {
  let come = Buffer.alloc(0)
  for await (const bytes of socket.iterator({ destroyOnReturn: false })) {
    come = Buffer.concat([come, bytes as Buffer])
    const end = come.indexOf('\r\n\r\n')
    if (end >= 0) return [come.toString('latin1', 0, end), come.subarray(end + 4)]
  }
  throw new Error(`the connection has ended: ${come.toString('latin1')}`)
}
