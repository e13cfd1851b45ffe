import { MonodonError } from '../errors.ts'
import type { HeaderBlock } from './exchange.ts'
import { BATCH_BYTES, BATCH_FILES, FILE, FLAG, KIND, LEND_BYTES, UTF8_FACTOR } from './layout.ts'
import { type NodeBuffer, nodeBuffer } from './node-buffer.ts'
import type { Port } from './port.ts'

/** Characters up to which a loop beats a call into V8's string writers. */
const LOOP_CHARACTERS = 64
/** Bytes of the words of the largest record. */
const WORDS = 20
/** Bytes of a header block and a body that fit in one record, together. */
export const RECORD_ROOM = BATCH_BYTES - WORDS
/** Bytes of a piece of what is too large for one record: the other exchanges get their turn between two. */
export const PIECE_BYTES = 65_536
/** Values that a word can have. */
const WORD_VALUES = 2 ** 32

const TOO_MANY = `all fields together are larger than ${BATCH_BYTES} bytes`

/**
 * Writes records for native code and hands them over, a batch at a time. Large bodies of bytes are
 * lent where the port does that, as are texts that do not fit in a batch; else they are copied, and
 * have to fit in a record (`RECORD_ROOM`).
 */
export class Outbox {
  /** Records that were written and not submitted. */
  records = 0
  private at = 0
  /** Files among the records. */
  private files = 0
  private lent: Uint8Array[] = []
  private readonly port: Port
  private readonly lends: boolean
  /** The buffers that the port has asked to write to, by their numbers, and the current one. */
  private readonly sheets: Sheet[]
  private bytes: NodeBuffer
  private words: Uint32Array

  constructor(port: Port) {
    this.port = port
    this.lends = port.lends
    const first = sheet(port.outbound(0))
    this.sheets = [first]
    this.bytes = first.bytes
    this.words = first.words
  }

  /** Hands over what was written. */
  submit(): void {
    if (this.records === 0) return
    const { at, records, lent } = this
    this.at = 0
    this.records = 0
    this.files = 0
    let next: number | undefined
    if (lent.length === 0) {
      next = this.port.submit(at, records)
    } else {
      this.lent = []
      next = this.port.submit(at, records, lent)
    }
    if (next !== undefined) this.turnTo(next)
  }

  /** Writes to another buffer from now on. */
  private turnTo(number: number): void {
    this.sheets[number] ??= sheet(this.port.outbound(number))
    const { bytes, words } = this.sheets[number]
    this.bytes = bytes
    this.words = words
  }

  /** A whole response. */
  response(id: number, status: number, headers: HeaderBlock, body: string | Uint8Array): void {
    const kind = KIND.response | (status << 16)
    if (typeof body === 'string') {
      const at = this.reserveText(WORDS + headers.length, body)
      const headersEnd = at < 0 ? -1 : this.latin1(headers, at + WORDS)
      const end = at < 0 ? -1 : this.utf8(body, headersEnd)
      if (end < 0) {
        this.response(id, status, headers, Buffer.from(body))
        return
      }
      const word = at >>> 2
      this.words[word + 3] = headers.length
      this.words[word + 4] = end - headersEnd
      this.finish(word, kind, id, end)
    } else if (body.byteLength < LEND_BYTES || !this.lends) {
      const at = this.reserve(WORDS + headers.length + body.byteLength)
      const headersEnd = this.latin1(headers, at + WORDS)
      this.bytes.set(body, headersEnd)
      const word = at >>> 2
      this.words[word + 3] = headers.length
      this.words[word + 4] = body.byteLength
      this.finish(word, kind, id, headersEnd + body.byteLength)
    } else {
      const at = this.reserve(WORDS + headers.length)
      const end = this.latin1(headers, at + WORDS)
      const word = at >>> 2
      this.words[word + 3] = headers.length
      this.words[word + 4] = this.lend(body)
      this.finish(word, kind | (FLAG.lent << 8), id, end)
    }
  }

  /** Where a regular file stands that is open; -1 for what `file` cannot send. */
  positionOf(descriptor: number): number {
    return this.port.tell?.(descriptor) ?? -1
  }

  /**
   * A whole response with a part of an open file, in one batch, so that native code sees that it is whole.
   * False, and nothing is written, if there can be no more descriptors.
   */
  file(
    id: number,
    status: number,
    headers: HeaderBlock,
    descriptor: number,
    offset: number,
    length: number,
  ): boolean {
    if (!this.enclose(descriptor, 3 * WORDS + FILE.words * 4 + headers.length)) return false
    this.block(KIND.head, id, status, headers)
    this.enclosed(id, 0, offset, length)
    this.block(KIND.end, id, 0, '')
    return true
  }

  /** A part of an open file as a piece of a streamed body, which counts as a chunk. False as for `file`. */
  filePiece(id: number, descriptor: number, offset: number, length: number): boolean {
    if (!this.enclose(descriptor, FILE.words * 4)) return false
    this.enclosed(id, FLAG.counted, offset, length)
    return true
  }

  /** Encloses a file, for records of `bytes` bytes. False as for `file`. */
  private enclose(descriptor: number, bytes: number): boolean {
    // Room comes first: a file that is enclosed has to be in a record.
    if (this.files === BATCH_FILES) this.submit()
    this.reserve(bytes)
    if (!this.port.enclose?.(descriptor)) return false
    this.files++
    return true
  }

  /** The record of a file that was enclosed; there is room for it. */
  private enclosed(id: number, flags: number, offset: number, length: number): void {
    const { at, words } = this
    const word = at >>> 2
    words[word + FILE.offsetLow] = offset
    words[word + FILE.offsetHigh] = offset / WORD_VALUES
    words[word + FILE.lengthLow] = length
    words[word + FILE.lengthHigh] = length / WORD_VALUES
    this.finish(word, KIND.file | (flags << 8), id, at + FILE.words * 4)
  }

  /** A record whose only payload is a header block: `head`, `end`, `informational`. */
  block(kind: number, id: number, aux: number, headers: HeaderBlock): void {
    const at = this.reserve(WORDS + headers.length)
    const end = this.latin1(headers, at + 16)
    const word = at >>> 2
    this.words[word + 3] = headers.length
    this.finish(word, kind | (aux << 16), id, end)
  }

  /** A record whose only payload is a number: `wantBody`, `fail`, `done`. */
  number(kind: number, id: number, aux: number, value: number): void {
    const at = this.reserve(WORDS)
    const word = at >>> 2
    this.words[word + 3] = value
    this.finish(word, kind | (aux << 16), id, at + 16)
  }

  /** Closes a WebSocket. */
  close(id: number, code: number, reason: string): void {
    const at = this.reserve(WORDS + reason.length * UTF8_FACTOR)
    const end = this.utf8(reason, at + 16)
    const word = at >>> 2
    this.words[word + 3] = end - at - 16
    this.finish(word, KIND.close | (code << 16), id, end)
  }

  /**
   * A message for a WebSocket, or a piece of one (`flags`); what is text by itself is marked as such.
   * Gives its bytes. Large ones are copied and lent: a WebSocket's are the app's again at once.
   */
  message(id: number, body: string | Uint8Array, flags: number): number {
    if (typeof body === 'string') {
      const at = this.reserveText(WORDS, body)
      const end = at < 0 ? -1 : this.utf8(body, at + 16)
      if (end < 0) return this.message(id, Buffer.from(body), flags | FLAG.text)
      const word = at >>> 2
      this.words[word + 3] = end - at - 16
      this.finish(word, KIND.messageOut | ((flags | FLAG.text) << 8), id, end)
      return end - at - 16
    }
    const length = body.byteLength
    if (length >= LEND_BYTES && this.lends) {
      const at = this.reserve(WORDS)
      const word = at >>> 2
      this.words[word + 3] = this.lend(Buffer.from(body))
      this.finish(word, KIND.messageOut | ((flags | FLAG.lent) << 8), id, at + 16)
      return length
    }
    const at = this.reserve(WORDS + length)
    this.bytes.set(body, at + 16)
    const word = at >>> 2
    this.words[word + 3] = length
    this.finish(word, KIND.messageOut | (flags << 8), id, at + 16 + length)
    return length
  }

  /** A piece of a streamed body. Gives its bytes; negative if they are lent. */
  chunk(id: number, body: string | Uint8Array): number {
    if (typeof body === 'string') {
      const at = this.reserveText(WORDS, body)
      const end = at < 0 ? -1 : this.utf8(body, at + 16)
      if (end < 0) {
        const encoded = Buffer.from(body)
        if (!this.lends) return this.chunk(id, encoded)
        // The encoded bytes are nobody else's: no need to hear when they are given back.
        this.lentChunk(id, encoded, 0)
        return encoded.byteLength
      }
      const word = at >>> 2
      this.words[word + 3] = end - at - 16
      this.finish(word, KIND.chunk, id, end)
      return end - at - 16
    }
    const length = body.byteLength
    if (length >= LEND_BYTES && this.lends) {
      this.lentChunk(id, body, FLAG.notify)
      return -length
    }
    const at = this.reserve(WORDS + length)
    this.bytes.set(body, at + 16)
    const word = at >>> 2
    this.words[word + 3] = length
    this.finish(word, KIND.chunk, id, at + 16 + length)
    return length
  }

  private lentChunk(id: number, body: Uint8Array, flags: number): void {
    const at = this.reserve(WORDS)
    const word = at >>> 2
    this.words[word + 3] = this.lend(body)
    this.finish(word, KIND.chunk | ((FLAG.lent | flags) << 8), id, at + 16)
  }

  /** Puts a buffer on loan. */
  private lend(body: Uint8Array): number {
    return this.lent.push(stable(body)) - 1
  }

  /** Where a record of at most `bytes` bytes may begin; submits first when there is no room. */
  private reserve(bytes: number): number {
    if (this.at + bytes > BATCH_BYTES) {
      this.submit()
      if (bytes > BATCH_BYTES) throw new MonodonError('MONODON_BAD_HEADER', { detail: TOO_MANY })
    }
    return this.at
  }

  /** The same for a text behind `before` bytes; negative if it cannot fit, as it takes at least a byte a unit. */
  private reserveText(before: number, text: string): number {
    if (before + text.length > BATCH_BYTES) return -1
    return this.reserve(Math.min(before + text.length * UTF8_FACTOR, BATCH_BYTES))
  }

  private finish(word: number, kind: number, id: number, end: number): void {
    const next = (end + 3) & ~3
    this.words[word] = next - this.at
    this.words[word + 1] = kind
    this.words[word + 2] = id
    this.at = next
    this.records++
  }

  private latin1(text: string, at: number): number {
    const { length } = text
    if (length > LOOP_CHARACTERS) return at + this.bytes.latin1Write(text, at)
    const { bytes } = this
    for (let i = 0; i < length; i++) bytes[at + i] = text.charCodeAt(i)
    return at + length
  }

  /**
   * Writes a text; gives its end, negative if that is beyond the batch. The buffer has room for more than
   * the batch (`OUTBOUND_BYTES`), as to measure a text first would take longer than to write it.
   */
  private utf8(text: string, at: number): number {
    const { length } = text
    const { bytes } = this
    if (length <= LOOP_CHARACTERS) {
      let i = 0
      for (; i < length; i++) {
        const character = text.charCodeAt(i)
        if (character > 0x7f) break
        bytes[at + i] = character
      }
      if (i === length) return at + length
    }
    const end = at + bytes.utf8Write(text, at)
    return end <= BATCH_BYTES ? end : -1
  }
}

/** An outbound buffer, as it is written. */
interface Sheet {
  readonly bytes: NodeBuffer
  readonly words: Uint32Array
}

function sheet(memory: ArrayBuffer): Sheet {
  return { bytes: nodeBuffer(memory), words: new Uint32Array(memory) }
}

/** Bytes that are read later: a copy of memory that can shrink, or that other threads write. */
export function stable(body: Uint8Array): Uint8Array {
  const { buffer } = body as { buffer: ArrayBufferLike & { resizable?: boolean } }
  const isStable = buffer instanceof ArrayBuffer && buffer.resizable !== true
  return isStable ? body : Buffer.from(body)
}
