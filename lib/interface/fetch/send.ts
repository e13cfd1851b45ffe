import { ReadStream } from 'node:fs'
import type { Exchange, HeaderBlock } from '../../bridge/exchange.ts'
import { encodeReason } from '../../bridge/header-block.ts'
import { HEADER_CODES } from '../../bridge/layout.ts'
import { MonodonError } from '../../errors.ts'
import { describe } from '../describe.ts'
import { sendStream } from '../opened-file.ts'
import { innerResponse, isPlatformResponse } from './platform.ts'
import {
  blockOf,
  type FastResponse,
  isFast,
  materialize,
  NULL_BODY,
  platformOf,
  sourceOf,
} from './response.ts'
import { encodeField, encodeFields, hasField } from './response-headers.ts'
import { chunksOf, discard, fromForm, sendChunks } from './response-stream.ts'
import { isAsyncIterable, isDisturbed, isStream, viewBytes } from './streams.ts'
import { sendSwitching } from './upgrade.ts'

const CONTENT_LENGTH = HEADER_CODES.get('content-length')

/** Answers with what the app returned. Whatever is wrong with it ends in `exchange.fail`. */
export function send(exchange: Exchange, value: unknown): void {
  try {
    if (isFast(value)) sendFast(exchange, value)
    else if (isResponse(value)) sendPlatform(exchange, value)
    else throw noResponse(`it returned ${describe(value)}`)
  } catch (error) {
    exchange.fail(error)
    discardResponse(value, error)
  }
}

/** Ends the exchange with what the app threw, or its promise was rejected with. */
export function sendFailure(exchange: Exchange, error: unknown): void {
  if (error instanceof Error || !isResponse(error)) {
    exchange.fail(error)
    return
  }
  // Who throws a `Response` has a framework in mind that catches it: here nothing did.
  const misuse = noResponse('it threw a Response: return it')
  exchange.fail(misuse)
  discardResponse(error, misuse)
}

function noResponse(detail: string): MonodonError {
  return new MonodonError('MONODON_APP_NO_RESPONSE', { detail })
}

function sendFast(exchange: Exchange, response: FastResponse): void {
  const source = sourceOf(response)
  const platform = platformOf(response)
  if (platform !== undefined) refuseUsed(platform)
  if (typeof source === 'string') exchange.respond(response.status, blockOf(response), source)
  else if (source === null) sendBare(exchange, response)
  else sendObject(exchange, response, source)
}

function sendBare(exchange: Exchange, response: FastResponse): void {
  if (response.status === 101) sendSwitching(exchange, response)
  else sendNothing(exchange, response.status, blockOf(response))
}

function sendObject(exchange: Exchange, response: FastResponse, source: unknown): void {
  const { status } = response
  const bytes = viewBytes(source)
  if (bytes !== undefined) exchange.respond(status, blockOf(response), bytes)
  else if (source instanceof URLSearchParams)
    exchange.respond(status, blockOf(response), `${source}`)
  else if (source instanceof Blob) sendBlob(exchange, status, blockOf(response), source)
  else if (isUntouchedStream(response, source)) {
    if (source instanceof ReadStream && !exchange.aborted) void sendFile(exchange, response, source)
    else sendBody(exchange, status, blockOf(response), source)
  } else {
    // A form, whose boundary the platform chooses, or a stream that was handed out or teed.
    const { body } = materialize(response)
    if (source instanceof FormData)
      void sendChunks(exchange, status, blockOf(response), fromForm(body!))
    else sendBody(exchange, status, blockOf(response), body)
  }
}

function isUntouchedStream(response: FastResponse, source: unknown): source is object {
  if (platformOf(response) !== undefined) return false
  const isWebStream = isStream(source)
  if (!isWebStream && !isAsyncIterable(source)) return false
  if ((isWebStream && source.locked) || isDisturbed(source))
    throw new MonodonError('MONODON_RESPONSE_USED')
  return true
}

/** Answers with a stream that `fs.createReadStream` has made: natively, if it can be. */
async function sendFile(
  exchange: Exchange,
  response: FastResponse,
  file: ReadStream,
): Promise<void> {
  try {
    const { status } = response
    const block = blockOf(response)
    const declared = hasField(block, CONTENT_LENGTH) ? response.headers.get('content-length') : null
    const length = declared === null ? -1 : Number(declared)
    if (await sendStream(exchange, status, block, length, file)) return
    sendBody(exchange, status, block, file)
  } catch (error) {
    exchange.fail(error)
    discard(file, error)
  }
}

/** Blobs from this size on, files for the most part, are not taken into memory whole. */
const STREAMED_BLOB_BYTES = 65_536

function sendBlob(exchange: Exchange, status: number, block: HeaderBlock, blob: Blob): void {
  if (blob.size < STREAMED_BLOB_BYTES) {
    blob.arrayBuffer().then(
      (buffer) => exchange.respond(status, block, new Uint8Array(buffer)),
      (error) => exchange.fail(error),
    )
    return
  }
  const length = hasField(block, CONTENT_LENGTH)
    ? ''
    : encodeField('content-length', String(blob.size))
  sendBody(exchange, status, block + length, blob.stream())
}

/** Answers with a `Response` of the platform, of another realm or of another implementation. */
function sendPlatform(exchange: Exchange, response: Response): void {
  const { status, statusText } = response
  if (!(status >= 200 && status <= 599))
    throw noResponse(`it returned a Response with status ${status}`)
  const reason = statusText ? encodeReason(status, statusText) : ''
  const inner = isPlatformResponse(response) ? innerResponse(response) : undefined
  if (inner !== undefined) {
    let block = reason
    for (const [name, field] of inner.fields)
      if (name !== 'set-cookie') block += encodeField(name, field.value)
    if (inner.cookies !== null)
      for (const cookie of inner.cookies) block += encodeField('set-cookie', cookie)
    exchange.respond(status, block, inner.source)
    return
  }
  refuseUsed(response)
  const block = reason + encodeFields(fieldsOf(exchange, response), null)
  if (!NULL_BODY.has(status)) sendBody(exchange, status, block, response.body)
  else {
    // Only other implementations let such a response have a body.
    sendNothing(exchange, status, block)
    discard(response.body, undefined)
  }
}

/**
 * The fields of a response, without those that no longer hold: `fetch` has decoded the body of what
 * it received, so neither its coding nor its length is that of the bytes that follow.
 */
function fieldsOf(exchange: Exchange, response: Response): Iterable<[string, string]> {
  const fields = eachField(response.headers)
  if (!response.url || exchange.method === 'HEAD' || !isDecoded(response.headers)) return fields
  return [...fields].filter(([name]) => name !== 'content-encoding' && name !== 'content-length')
}

/** The headers of node-fetch join their lines of `set-cookie`; `raw` has each by itself. */
function eachField(
  headers: Headers & { raw?(): Record<string, string[]> },
): Iterable<[string, string]> {
  if (typeof headers.raw !== 'function') return headers
  return Object.entries(headers.raw()).flatMap(([name, values]) =>
    values.map((value): [string, string] => [name, value]),
  )
}

/** The content codings that the platform's `fetch` decodes. */
const DECODED = new Set(['gzip', 'x-gzip', 'deflate', 'br', ...(decodesZstd() ? ['zstd'] : [])])

/** undici does since 7.11, which came with Node 24.4. */
function decodesZstd(): boolean {
  const [major = 0, minor = 0] = (process.versions['undici'] ?? '').split('.').map(Number)
  return major > 7 || (major === 7 && minor >= 11)
}

function isDecoded(headers: Headers): boolean {
  const codings = headers.get('content-encoding')
  return codings?.split(',').every((coding) => DECODED.has(coding.trim().toLowerCase())) ?? false
}

/** Answers with any body that an implementation of `Response` has. */
function sendBody(exchange: Exchange, status: number, block: HeaderBlock, body: unknown): void {
  if (body === null || body === undefined) {
    sendNothing(exchange, status, block)
    return
  }
  const whole = typeof body === 'string' ? body : viewBytes(body)
  const chunks = whole === undefined ? chunksOf(body) : undefined
  if (whole !== undefined) exchange.respond(status, block, whole)
  else if (chunks !== undefined) void sendChunks(exchange, status, block, chunks)
  else throw noResponse('its body is not a stream')
}

/**
 * Answers without a body. An answer to HEAD says nothing of a length then: 0 would have to be that
 * of the answer to GET (RFC 9110 section 8.6), of which it is not known that it has no body.
 */
function sendNothing(exchange: Exchange, status: number, block: HeaderBlock): void {
  if (exchange.method !== 'HEAD') {
    exchange.respond(status, block, '')
    return
  }
  exchange.start(status, block)
  exchange.end()
}

/** Whether a value is a `Response`, be it of another realm or another implementation. */
function isResponse(value: unknown): value is Response {
  if (isPlatformResponse(value)) return true
  if (typeof value !== 'object' || value === null) return false
  const { status, headers } = value as Partial<Response>
  return typeof status === 'number' && typeof headers?.get === 'function' && 'body' in value
}

/** A body can be sent once: not if it was read, and not while someone else reads it. */
function refuseUsed(response: Response): void {
  if (response.bodyUsed || response.body?.locked) throw new MonodonError('MONODON_RESPONSE_USED')
}

/** Lets go of the body of a response that cannot be sent. Never throws. */
function discardResponse(value: unknown, reason: unknown): void {
  try {
    if (isFast(value)) discard(platformOf(value)?.body ?? sourceOf(value), reason)
    else if (isResponse(value)) discard(value.body, reason)
  } catch {
    // An object that fails when it is looked at; that is what the request has failed of.
  }
}
