/** The server's end of a process worker's socket, played by the tests (docs/worker-protocol.md). */

import type { Duplex } from 'node:stream'
import { encodeHeader } from '../../lib/bridge/header-block.ts'
import { BATCH_HEAD, KIND, METHODS, REQUEST } from '../../lib/bridge/layout.ts'
import { until } from './wait.ts'

const HEAD_BYTES = BATCH_HEAD.words * 4
const FIXED_WORDS: Readonly<Record<number, number>> = { [KIND.response]: 5, [KIND.file]: 7 }
const KIND_NAMES = new Map(Object.entries(KIND).map(([name, kind]) => [kind as number, name]))

/** A record of a worker. */
export interface SentRecord {
  readonly kind: string
  readonly flags: number
  readonly aux: number
  readonly id: number
  /** Words 3 and 4. */
  readonly first: number
  readonly second: number
  /** What follows the words, padding included. */
  readonly bytes: Buffer
}

/** A batch of a worker. */
export interface SentBatch {
  readonly records: readonly SentRecord[]
  readonly take: number
}

/** A record for a worker: its words from the fourth on, then its bytes. */
export function record(
  kind: number,
  {
    id = 0,
    flags = 0,
    aux = 0,
    words = [],
    bytes = Buffer.alloc(0),
  }: {
    id?: number
    flags?: number
    aux?: number
    words?: readonly number[]
    bytes?: Uint8Array
  } = {},
): Buffer {
  const at = (3 + words.length) * 4
  const whole = Buffer.alloc((at + bytes.length + 3) & ~3)
  const head = [whole.length, kind | (flags << 8) | (aux << 16), id, ...words]
  head.forEach((word, index) => {
    whole.writeUInt32LE(word >>> 0, index * 4)
  })
  whole.set(bytes, at)
  return whole
}

/** A `request` record for HTTP/1.1. */
export function request(
  id: number,
  { method = 'GET', target = '/', headers = {}, body = '' } = {},
): Buffer {
  const address = '127.0.0.1'
  const fields = Object.entries(headers as Record<string, string>)
  const block = fields.map(([name, value]) => encodeHeader(name, value)).join('')
  const text = Buffer.from(address + target + block, 'latin1')
  const words = new Array<number>(REQUEST.bytes - 3).fill(0)
  words[REQUEST.targetAndFields - 3] = target.length | (fields.length << 16)
  words[REQUEST.headerBytes - 3] = block.length
  words[REQUEST.bodyBytes - 3] = body.length
  words[REQUEST.lengthLow - 3] = body.length
  words[REQUEST.peer - 3] = 50_000 | (address.length << 16)
  const aux = METHODS.indexOf(method as (typeof METHODS)[number]) | (11 << 8)
  return record(KIND.request, {
    id,
    aux,
    words,
    bytes: Buffer.concat([text, Buffer.from(body, 'latin1')]),
  })
}

export function stop(ms: number): Buffer {
  return record(KIND.stop, { words: [ms] })
}

export function tell(message: unknown): Buffer {
  const bytes = Buffer.from(JSON.stringify(message))
  return record(KIND.tell, { words: [bytes.length], bytes })
}

export function drain(id: number, bytes: number): Buffer {
  return record(KIND.drain, { id, words: [bytes] })
}

/** Records as one batch. */
export function batch(...records: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUInt32LE(
    records.reduce((sum, { length }) => sum + length, 0),
    BATCH_HEAD.bytes * 4,
  )
  head.writeUInt32LE(records.length, BATCH_HEAD.records * 4)
  return Buffer.concat([head, ...records])
}

/** Cuts what a worker has written into batches; the rest is an unfinished one. */
export function decode(bytes: Buffer): { batches: SentBatch[]; rest: Buffer } {
  const batches: SentBatch[] = []
  let rest = bytes
  while (rest.length >= HEAD_BYTES) {
    const end = HEAD_BYTES + rest.readUInt32LE(BATCH_HEAD.bytes * 4)
    if (rest.length < end) break
    const count = rest.readUInt32LE(BATCH_HEAD.records * 4)
    const records = recordsOf(rest.subarray(HEAD_BYTES, end))
    if (records.length !== count) throw new Error(`${records.length} records instead of ${count}`)
    batches.push({ records, take: rest.readUInt32LE(BATCH_HEAD.take * 4) })
    rest = rest.subarray(end)
  }
  return { batches, rest }
}

function recordsOf(bytes: Buffer): SentRecord[] {
  const records: SentRecord[] = []
  for (let at = 0; at < bytes.length; ) {
    const size = bytes.readUInt32LE(at)
    if (size < 16 || size % 4 !== 0 || at + size > bytes.length)
      throw new Error(`a record of ${size} bytes at ${at} of ${bytes.length}`)
    const head = bytes.readUInt32LE(at + 4)
    const kind = head & 0xff
    const fixed = (FIXED_WORDS[kind] ?? 4) * 4
    records.push({
      kind: KIND_NAMES.get(kind) ?? `unknown ${kind}`,
      flags: (head >>> 8) & 0xff,
      aux: head >>> 16,
      id: bytes.readUInt32LE(at + 8),
      first: bytes.readUInt32LE(at + 12),
      second: fixed > 16 ? bytes.readUInt32LE(at + 16) : 0,
      bytes: bytes.subarray(at + fixed, at + size),
    })
    at += size
  }
  return records
}

/** The header block of a `response`, `head` or `end`. */
export function blockOf({ bytes, first }: SentRecord): string {
  return bytes.toString('latin1', 0, first)
}

/** The body bytes of a `response` or `chunk`. */
export function bodyOf({ kind, bytes, first, second }: SentRecord): Buffer {
  return kind === 'response' ? bytes.subarray(first, first + second) : bytes.subarray(0, first)
}

/** What a `say` says. */
export function saidIn({ bytes, first }: SentRecord): Record<string, unknown> {
  return JSON.parse(bytes.toString('utf8', 0, first))
}

/** The server's end of a socket. */
export class SocketPeer {
  readonly batches: SentBatch[] = []
  ended = false
  private rest: Buffer = Buffer.alloc(0)
  private readonly socket: Duplex

  constructor(socket: Duplex) {
    this.socket = socket
    socket.on('data', (bytes: Buffer) => {
      const { batches, rest } = decode(Buffer.concat([this.rest, bytes]))
      this.batches.push(...batches)
      this.rest = rest
    })
    for (const event of ['end', 'error', 'close'])
      socket.on(event, () => {
        this.ended = true
      })
  }

  get records(): SentRecord[] {
    return this.batches.flatMap(({ records }) => records)
  }

  /** The takes that were sent. */
  get takes(): number[] {
    return this.batches.map(({ take }) => take).filter((take) => take > 0)
  }

  /** What was said, by its type. */
  said(type: string): Record<string, unknown> | undefined {
    return this.records
      .filter(({ kind }) => kind === 'say')
      .map(saidIn)
      .find((message) => message['type'] === type)
  }

  /** The first record about an exchange, once it is here. */
  async answer(id: number): Promise<SentRecord> {
    const find = () => this.records.find((record) => record.id === id && record.kind !== 'say')
    await until(`an answer to ${id}`, () => find() !== undefined)
    return find()!
  }

  send(...records: readonly Buffer[]): void {
    this.socket.write(batch(...records))
  }

  leave(): void {
    this.socket.destroy()
  }
}
