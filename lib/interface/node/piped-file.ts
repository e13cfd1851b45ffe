/**
 * `fs.createReadStream(path).pipe(res)`, which is also what `stream.pipeline` and Express's `sendFile` do:
 * native code reads the file, and the stream only hears how far it has come. It reads by itself, from where
 * native code has come to, as soon as anything happens that has to be seen in the bytes.
 */

import { ReadStream } from 'node:fs'
import { isUnread, type Opened, type PartOfFile, partOf } from '../opened-file.ts'
import { kBlock } from './outgoing.ts'
import { kExchange, kSocket } from './state.ts'
import { kStreaming, startOnce, type WrittenResponse } from './writing.ts'

/** Bytes that are handed over at a time: so often it is looked at whether the stream still flows. */
const PIECE_BYTES = 1024 * 1024

/** What Node's types keep to themselves. */
const { _read: readByItself } = ReadStream.prototype as unknown as {
  _read(this: object, size: number): void
}

/**
 * `source` was piped to `res`. When it first reads, native code does that in its place, if nothing has
 * happened by then for which the bytes have to come through here.
 */
export function readNatively(source: unknown, res: WrittenResponse): void {
  if (!isUnread(source)) return
  const stream = source as unknown as Opened
  const own: { _read?: (size: number) => void } = source
  own._read = (size) => {
    delete own._read
    const part = isPlain(res) && flows(stream, res) ? fileOf(stream, res) : undefined
    if (part === undefined) readByItself.call(stream, size)
    else new Reading(stream, res, part, size).begin()
  }
}

/** One file on its way. */
class Reading {
  private readonly stream: Opened
  private readonly res: WrittenResponse
  private readonly descriptor: number
  private readonly size: number
  private offset: number
  private left: number

  constructor(stream: Opened, res: WrittenResponse, part: PartOfFile, size: number) {
    this.stream = stream
    this.res = res
    this.descriptor = part.descriptor
    this.offset = part.offset
    this.left = part.length
    this.size = size
  }

  begin(): void {
    const { res, stream } = this
    try {
      if (res[kBlock] === undefined) res._implicitHeader()
    } catch (error) {
      stream.destroy(error as Error)
      return
    }
    // The head may have said that there is none.
    if (!res._hasBody) {
      readByItself.call(stream, this.size)
      return
    }
    startOnce(res)
    this.goOn()
  }

  private goOn(): void {
    const { stream, res, descriptor } = this
    if (stream.destroyed) return
    if (this.left === 0) {
      stream.push(null)
      return
    }
    const bytes = Math.min(this.left, PIECE_BYTES)
    const exchange = res[kExchange]
    const hasRoom = flows(stream, res)
      ? exchange.writeFile(descriptor, this.offset, bytes)
      : undefined
    if (hasRoom === undefined) {
      stream.pos = this.offset
      readByItself.call(stream, this.size)
      return
    }
    this.offset += bytes
    this.left -= bytes
    stream.bytesRead += bytes
    res.req[kSocket]?.progressed()
    if (hasRoom) this.goOn()
    else
      exchange.drained().then(() => {
        res.req[kSocket]?.progressed()
        this.goOn()
      })
  }
}

/** Whether the stream goes on to the response, and nowhere else. */
function flows(stream: Opened, res: WrittenResponse): boolean {
  if (stream.isPaused() || stream.readableEncoding !== null) return false
  if (stream.listenerCount('data') !== 1 || stream.listenerCount('readable') > 0) return false
  return !res.finished && !res.destroyed && !res[kExchange].finished
}

/** Whether what is written goes to the client as it is, at once. */
function isPlain(res: WrittenResponse): boolean {
  const held = res[kStreaming]
  const isCorked = held !== undefined && held.corked > 0
  return res._hasBody && !isCorked && !res.strictContentLength && !judgesRequest(res)
}

/**
 * Whether native code would look at the conditions and the `Range` of the request, if the file is all of the
 * response. In Node these are the app's.
 */
function judgesRequest(res: WrittenResponse): boolean {
  if (res.statusCode !== 200 || res.hasHeader('accept-ranges') || res.hasHeader('content-range'))
    return false
  let isConditional = false
  res[kExchange].forEachHeader((name) => {
    isConditional ||= name === 'range' || name.startsWith('if-')
  })
  return isConditional
}

/** What is to be sent, if native code can send it and the response has not declared another length. */
function fileOf({ fd, start, end }: Opened, res: WrittenResponse): PartOfFile | undefined {
  if (typeof fd !== 'number') return undefined
  const opened = { descriptor: fd, start, end: end ?? Number.POSITIVE_INFINITY }
  const part = partOf(opened, res[kExchange])
  const isFixed = res[kBlock] !== undefined
  const declared = isFixed ? res._contentLength : res.getHeader('content-length')
  const isAll = declared === undefined || declared === null || Number(declared) === part?.length
  return part !== undefined && part.length > 0 && isAll ? part : undefined
}
