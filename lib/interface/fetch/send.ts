import type { Exchange, HeaderBlock } from '../../bridge/exchange.ts'
import { HEADER_CODES } from '../../bridge/layout.ts'
import { MonodonError } from '../../errors.ts'
import { describe } from '../describe.ts'
import { innerResponse, PlatformResponse } from './platform.ts'
import {
  blockOf,
  type FastResponse,
  isFast,
  materialize,
  platformOf,
  sourceOf,
} from './response.ts'
import { encodeField, encodeFields, hasField } from './response-headers.ts'
import { fromIterable, fromStream, sendChunks } from './response-stream.ts'
import { isAsyncIterable, isDisturbed, isStream, viewBytes } from './streams.ts'

/** Answers with what the app returned. Whatever is wrong with it ends in `exchange.fail`. */
export function send(exchange: Exchange, value: unknown): void {
  try {
    if (isFast(value)) sendFast(exchange, value)
    else if (isResponse(value)) sendPlatform(exchange, value)
    else
      throw new MonodonError('MONODON_APP_NO_RESPONSE', {
        detail: `it returned ${describe(value)}`,
      })
  } catch (error) {
    exchange.fail(error)
  }
}

function sendFast(exchange: Exchange, response: FastResponse): void {
  const source = sourceOf(response)
  const platform = platformOf(response)
  if (platform !== undefined) refuseUsed(platform)
  if (typeof source === 'string') exchange.respond(response.status, blockOf(response), source)
  else if (source === null) exchange.respond(response.status, blockOf(response), '')
  else sendObject(exchange, response, source)
}

function sendObject(exchange: Exchange, response: FastResponse, source: unknown): void {
  const { status } = response
  const bytes = viewBytes(source)
  if (bytes !== undefined) exchange.respond(status, blockOf(response), bytes)
  else if (source instanceof URLSearchParams)
    exchange.respond(status, blockOf(response), `${source}`)
  else if (source instanceof Blob) sendBlob(exchange, status, blockOf(response), source)
  else if (isUntouchedStream(response, source))
    sendBody(exchange, status, blockOf(response), source)
  else {
    // A form, whose boundary the platform chooses, or a stream that was handed out or teed.
    const { body } = materialize(response)
    sendBody(exchange, status, blockOf(response), body)
  }
}

function isUntouchedStream(response: FastResponse, source: unknown): boolean {
  if (platformOf(response) !== undefined || source instanceof FormData) return false
  if (!isStream(source)) return isAsyncIterable(source)
  if (source.locked || isDisturbed(source)) throw new MonodonError('MONODON_RESPONSE_USED')
  return true
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
  const length = hasField(block, HEADER_CODES.get('content-length'))
    ? ''
    : encodeField('content-length', String(blob.size))
  sendBody(exchange, status, block + length, blob.stream())
}

/** Answers with a `Response` of the platform, of another realm or of another implementation. */
function sendPlatform(exchange: Exchange, response: Response): void {
  const { status } = response
  if (!(status >= 200 && status <= 599))
    throw new MonodonError('MONODON_APP_NO_RESPONSE', {
      detail: `it returned a Response with status ${status}`,
    })
  const inner = response instanceof PlatformResponse ? innerResponse(response) : undefined
  if (inner !== undefined) {
    let block = ''
    for (const [name, field] of inner.fields)
      if (name !== 'set-cookie') block += encodeField(name, field.value)
    if (inner.cookies !== null)
      for (const cookie of inner.cookies) block += encodeField('set-cookie', cookie)
    exchange.respond(status, block, inner.source)
    return
  }
  refuseUsed(response)
  sendBody(exchange, status, encodeFields(fieldsOf(exchange, response), null), response.body)
}

/**
 * The fields of a response, without those that no longer hold: `fetch` has decoded the body of what
 * it received, so neither its coding nor its length is that of the bytes that follow.
 */
function fieldsOf(exchange: Exchange, response: Response): HeadersInit {
  const { headers } = response
  if (!response.url || exchange.method === 'HEAD' || !isDecoded(headers)) return headers
  return [...headers].filter(([name]) => name !== 'content-encoding' && name !== 'content-length')
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

function sendBody(exchange: Exchange, status: number, block: HeaderBlock, body: unknown): void {
  if (body === null || body === undefined) exchange.respond(status, block, '')
  else if (isStream(body)) void sendChunks(exchange, status, block, fromStream(body))
  else if (isAsyncIterable(body)) void sendChunks(exchange, status, block, fromIterable(body))
  else throw new MonodonError('MONODON_APP_NO_RESPONSE', { detail: 'its body is not a stream' })
}

/** Whether a value is a `Response`, be it of another realm or another implementation. */
function isResponse(value: unknown): value is Response {
  if (value instanceof PlatformResponse) return true
  if (typeof value !== 'object' || value === null) return false
  const { status, headers } = value as Partial<Response>
  return typeof status === 'number' && typeof headers?.get === 'function' && 'body' in value
}

/** A body can be sent once: not if it was read, and not while someone else reads it. */
function refuseUsed(response: Response): void {
  if (response.bodyUsed || response.body?.locked) throw new MonodonError('MONODON_RESPONSE_USED')
}
