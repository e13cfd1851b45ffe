import { Buffer } from 'node:buffer'
import type { HeaderBlock } from '../../bridge/exchange.ts'
import { encodeReason } from '../../bridge/header-block.ts'
import { HIGH_WATER_BYTES, LEND_BYTES } from '../../bridge/layout.ts'
import { contentLengthMismatch, nodeError } from './errors.ts'
import { appFailed, responseEnded } from './lifecycle.ts'
import { kBlock, kTrailers, type NodeOutgoing } from './outgoing.ts'
import { keepArrived, type NodeRequest } from './request.ts'
import { kExchange, kSocket, type ResponseState } from './state.ts'

// What a response does behind its methods: functions, since frameworks add methods of their own
// (`send`, `raise`) to the object.

export const kStreaming: unique symbol = Symbol('monodon.streaming')
export const kOver: unique symbol = Symbol('monodon.over')
export const kErrored: unique symbol = Symbol('monodon.errored')

/** What the body of a response is written in. An exchange takes strings as UTF-8. */
export type Body = string | Uint8Array
export type Callback = (error?: Error | null) => void
/** Programs pass null for what they leave out. */
export type MaybeCallback = Callback | null | undefined

/** What only a response that is written in pieces needs. */
export interface Streaming {
  /** Calls of `cork` that `uncork` has not answered. */
  corked: number
  /** What was written while corked. */
  held: { data: Body; callback: MaybeCallback }[]
  heldBytes: number
  needDrain: boolean
  /** True once something was written to a response that has no body: to a HEAD, say. */
  dropped: boolean
  /** Bytes written, if `strictContentLength`. */
  written: number
  /** Callbacks of `write` that wait until their buffers are given back. */
  awaited: number
}

/** A response as it is written. */
export interface WrittenResponse extends NodeOutgoing, ResponseState {
  readonly req: NodeRequest
  [kStreaming]: Streaming | undefined
  /** True once `finish` was emitted, or would have been. */
  [kOver]: boolean
  [kErrored]: Error | null
  /** True once `end` was called. */
  finished: boolean
  destroyed: boolean
  _closed: boolean
  _hasBody: boolean
  strictContentLength: boolean
  _implicitHeader(): void
}

export function streamingOf(res: WrittenResponse): Streaming {
  let streaming = res[kStreaming]
  if (streaming === undefined) {
    streaming = {
      corked: 0,
      held: [],
      heldBytes: 0,
      needDrain: false,
      dropped: false,
      written: 0,
      awaited: 0,
    }
    res[kStreaming] = streaming
  }
  return streaming
}

/** As in Node: an error that is raised, not thrown. */
export function mayWrite(res: WrittenResponse, callback: MaybeCallback): boolean {
  if (res.finished) raise(res, writeAfterEnd(), callback)
  else if (res.destroyed) {
    const error = nodeError(
      Error,
      'ERR_STREAM_DESTROYED',
      'Cannot call write after a stream was destroyed',
    )
    if (callback) process.nextTick(callback, error)
  } else return true
  return false
}

/** In Node, an error that nobody listens for ends the process; here it is logged. */
function raise(res: WrittenResponse, error: Error, callback: MaybeCallback): void {
  if (res.destroyed) return
  process.nextTick(() => {
    callback?.(error)
    if (res.listenerCount('error') > 0) res.emit('error', error)
    else appFailed(res, error)
  })
}

export function endedAlready(res: WrittenResponse, chunk: unknown, callback: MaybeCallback): void {
  if (chunk) raise(res, writeAfterEnd(), callback)
  else if (!callback) return
  else if (res[kOver])
    callback(
      nodeError(
        Error,
        'ERR_STREAM_ALREADY_FINISHED',
        'Cannot call end after a stream was finished',
      ),
    )
  else res.on('finish', callback)
}

export function send(res: WrittenResponse, data: Body, callback: MaybeCallback): boolean {
  const exchange = res[kExchange]
  startOnce(res)
  // An empty chunk would end a chunked body.
  const room = data.length === 0 || exchange.write(data)
  res.req[kSocket]?.progressed()
  if (callback) whenReleased(res, callback)
  if (!room) awaitDrain(res)
  return room
}

export function startOnce(res: WrittenResponse): void {
  const exchange = res[kExchange]
  if (!exchange.started) exchange.start(res.statusCode, headOf(res))
}

/** The fixed fields, after the reason phrase if the app has chosen one. */
function headOf(res: WrittenResponse): HeaderBlock {
  const { statusCode, statusMessage } = res
  const block = res[kBlock] as HeaderBlock
  return statusMessage === undefined ? block : encodeReason(statusCode, statusMessage) + block
}

/** Calls back once the app may change what it has written. */
function whenReleased(res: WrittenResponse, callback: Callback): void {
  const lent = res[kExchange].released()
  if (lent === undefined) {
    process.nextTick(callback)
    return
  }
  const streaming = streamingOf(res)
  streaming.awaited++
  lent.then(() => {
    streaming.awaited--
    callback()
  })
}

function awaitDrain(res: WrittenResponse): void {
  const streaming = streamingOf(res)
  if (streaming.needDrain) return
  streaming.needDrain = true
  res[kExchange].drained().then(() => {
    streaming.needDrain = false
    res.req[kSocket]?.progressed()
    if (!res.finished && !res.destroyed) res.emit('drain')
  })
}

export function finishWith(res: WrittenResponse, data: Body, callback: MaybeCallback): void {
  if (res.strictContentLength && res._hasBody) account(res, data, true)
  const exchange = res[kExchange]
  if (callback) res.once('finish', callback)
  keepArrived(res.req)
  if (res[kStreaming] !== undefined) sendHeld(res, res[kStreaming])
  res.finished = true
  // The callback tells the app that its buffer is free.
  const body = callback ? ownCopy(data) : data
  if (fitsRespond(res, data)) {
    const hasContent = res._hasBody || exchange.method === 'HEAD'
    exchange.respond(res.statusCode, headOf(res), hasContent ? body : '')
    responseEnded(res)
    return
  }
  startOnce(res)
  if (body.length > 0 && res._hasBody) exchange.write(body)
  // Nobody says when a buffer is given back once the exchange is over.
  const lent = (res[kStreaming]?.awaited ?? 0) > 0 ? exchange.released() : undefined
  if (lent === undefined) endExchange(res)
  else lent.then(() => endExchange(res))
}

function endExchange(res: WrittenResponse): void {
  res[kExchange].end(res[kTrailers])
  responseEnded(res)
}

/** Whether the response is whole: nothing sent yet, and a length that the app lets be known. */
function fitsRespond(res: WrittenResponse, data: Body): boolean {
  if (res[kExchange].started || res[kTrailers] !== '') return false
  // A piece is not the whole: a GET would have more.
  if (res.chunkedEncoding || res[kStreaming]?.dropped === true) return false
  if (res._removedContLen && res._contentLength === null) return false
  // A HEAD without content says nothing of the length a GET would have.
  return res[kExchange].method !== 'HEAD' || data.length > 0 || res._contentLength !== null
}

/** Keeps what is written while corked. */
export function hold(streaming: Streaming, data: Body, callback: MaybeCallback): boolean {
  streaming.held.push({ data, callback })
  streaming.heldBytes += Buffer.byteLength(data)
  return streaming.heldBytes < HIGH_WATER_BYTES
}

/** Ends all corking. */
export function sendHeld(res: WrittenResponse, streaming: Streaming): void {
  const { held, heldBytes } = streaming
  streaming.corked = 0
  streaming.held = []
  streaming.heldBytes = 0
  for (const { data, callback } of held) send(res, data, callback)
  // `write` has returned false: its writer waits.
  if (heldBytes >= HIGH_WATER_BYTES) awaitDrain(res)
}

/** `strictContentLength`. Without it native code holds the body to the length it declares. */
export function account(res: WrittenResponse, data: Body, last: boolean): void {
  const declared = res._contentLength
  if (declared === null || res.chunkedEncoding) return
  const streaming = streamingOf(res)
  const written = streaming.written + Buffer.byteLength(data)
  if (written > declared || (last && written < declared))
    throw contentLengthMismatch(written, declared)
  streaming.written = written
}

/** Bytes that are not lent. */
function ownCopy(data: Body): Body {
  return typeof data === 'string' || data.byteLength < LEND_BYTES ? data : Buffer.from(data)
}

export function emitFinish(res: WrittenResponse): void {
  if (res._closed) return
  res[kOver] = true
  res.emit('finish')
  if (res.listenerCount('close') > 0) process.nextTick(emitClose, res)
  else emitClose(res)
}

export function emitClose(res: WrittenResponse): void {
  if (res._closed) return
  res.destroyed = true
  res._closed = true
  res.emit('close')
}

function writeAfterEnd(): Error {
  return nodeError(Error, 'ERR_STREAM_WRITE_AFTER_END', 'write after end')
}
