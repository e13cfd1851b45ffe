/** What apps answer with, if it is a file that native code can send by itself. */

import fs, { fstatSync, ReadStream } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { Exchange, HeaderBlock } from '../bridge/exchange.ts'
import { encodeHeader } from '../bridge/header-block.ts'

/** A file that is open. */
export interface OpenedFile {
  readonly descriptor: number
  /** Where reading begins; `undefined` is where the file stands. */
  readonly start: number | undefined
  /** The last byte that is read, if it is there; `Infinity` without a bound. */
  readonly end: number
}

/** Bytes of a file, as `Exchange.respondFile` takes them. */
export interface PartOfFile {
  readonly descriptor: number
  readonly offset: number
  readonly length: number
}

/** `FileHandle` is not exported as a class; its descriptor tells it from other objects with `read`. */
export const isHandle = (file: object): file is FileHandle =>
  'fd' in file && typeof file.fd === 'number' && 'read' in file && 'datasync' in file

/**
 * What is left to read of a file; `undefined` for what is no regular file, or has nothing in it as far as the
 * system tells, as those of `/proc`.
 */
export function partOf(file: OpenedFile, exchange: Exchange): PartOfFile | undefined {
  const { descriptor, start, end } = file
  const position = exchange.positionOf(descriptor)
  if (position < 0) return undefined
  const { size } = fstatSync(descriptor)
  if (size === 0) return undefined
  const offset = start ?? position
  return { descriptor, offset, length: Math.max(0, Math.min(size, end + 1) - offset) }
}

/**
 * The file that a stream would read, if nobody has read of it yet and it gives nothing but its bytes.
 *
 * @throws why it cannot be opened
 */
export async function fileOfStream(stream: unknown): Promise<OpenedFile | undefined> {
  if (!isFresh(stream)) return undefined
  if (stream.pending) {
    await new Promise<void>((resolve) => {
      const go = (): void => resolve()
      stream.once('ready', go).once('error', go).once('close', go)
    })
  }
  if (stream.errored) throw stream.errored
  const { fd, start, end } = stream as Opened
  return typeof fd === 'number' && isFresh(stream)
    ? { descriptor: fd, start, end: end ?? Number.POSITIVE_INFINITY }
    : undefined
}

/**
 * Answers with what a stream of a file would give, and closes it, if native code can send that.
 *
 * @param declared the length that `headers` tell; -1 if they do not
 * @returns false if it has to be read, or the client has gone
 */
export async function sendStream(
  exchange: Exchange,
  status: number,
  headers: HeaderBlock,
  declared: number,
  stream: ReadStream,
): Promise<boolean> {
  const opened = await fileOfStream(stream)
  if (opened === undefined || exchange.finished) return false
  const part = partOf(opened, exchange)
  // A length that is no number is refused where it is read.
  if (part === undefined || !(declared <= part.length)) return false
  const length = declared === -1 ? part.length : declared
  const block = declared === -1 ? headers + encodeHeader('content-length', String(length)) : headers
  if (exchange.method === 'HEAD' || length === 0) exchange.respond(status, block, '')
  else if (!exchange.respondFile(status, block, part.descriptor, part.offset, length)) return false
  stream.destroy()
  return true
}

/** A `ReadStream` with what @types/node does not tell. */
export type Opened = Omit<ReadStream, 'bytesRead'> & {
  readonly fd: number | null
  readonly start: number | undefined
  readonly end: number | undefined
  bytesRead: number
  /** Where the next read begins; `undefined` is where the file stands. */
  pos: number | undefined
}

function isFresh(stream: unknown): stream is ReadStream {
  if (!isUnread(stream) || stream.readableFlowing !== null) return false
  // Who listens wants it to be read: one that is handed over never comes to its end.
  return stream.listenerCount('readable') === 0 && stream.listenerCount('end') === 0
}

/** Whether it is a stream of a file, of which nobody has read yet, and gives nothing but its bytes. */
export function isUnread(stream: unknown): stream is ReadStream {
  if (!(stream instanceof ReadStream) || stream.constructor !== ReadStream) return false
  if (stream.destroyed || stream.readableDidRead || stream.readableLength > 0) return false
  if (stream.readableEncoding !== null) return false
  return OWN.every((name) => !Object.hasOwn(stream, name)) && readsFiles(stream)
}

/** What a stream has itself if somebody watches or changes what is read. */
const OWN = ['_read', 'read', 'push']

/** Whether its descriptor is one of the system: a stream may have functions of its own for `fs`. */
function readsFiles(stream: ReadStream): boolean {
  const symbols = Object.getOwnPropertySymbols(stream)
  const of = (name: string): unknown => {
    const symbol = symbols.find(({ description }) => description === name)
    return symbol && (stream as unknown as Record<symbol, unknown>)[symbol]
  }
  return of('kFs') === fs || Boolean(of('kHandle'))
}
