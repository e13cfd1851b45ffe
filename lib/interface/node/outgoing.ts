import {
  type OutgoingHttpHeaders,
  ServerResponse,
  validateHeaderName,
  validateHeaderValue,
} from 'node:http'
import type { Stream } from 'node:stream'
import type { HeaderBlock } from '../../bridge/exchange.ts'
import { bare } from './bare.ts'
import { headersSent, invalidArgument, invalidCharacter, invalidValue } from './errors.ts'
import {
  encodeField,
  extendField,
  type Field,
  findField,
  type HeaderValue,
  lowerName,
  makeField,
  putField,
  renderBlock,
} from './headers.ts'

export const kFields: unique symbol = Symbol('monodon.fields')
export const kBlock: unique symbol = Symbol('monodon.block')
export const kTrailers: unique symbol = Symbol('monodon.trailers')

/** The header of a response: `http.ServerResponse` as far as it concerns fields and trailers. */
export class NodeOutgoing extends bare<Stream>(ServerResponse.prototype) {
  declare [kFields]: Field[] | undefined
  /** The fields as they are sent, once they can no longer be changed. */
  declare [kBlock]: HeaderBlock | undefined
  declare [kTrailers]: HeaderBlock
  declare statusCode: number
  declare statusMessage: string | undefined
  /** Content-Length as the app declared it; null if it did not. */
  declare _contentLength: number | null
  declare chunkedEncoding: boolean
  /** False has the connection end with this response, as in Node. */
  declare shouldKeepAlive: boolean
  declare _removedContLen: boolean

  /** True once status and fields are fixed. */
  get headersSent(): boolean {
    return this[kBlock] !== undefined
  }

  /** The head as HTTP/1.1 writes it, without what native code adds; null while it can change. */
  get _header(): string | null {
    const block = this[kBlock]
    if (block === undefined) return null
    return `HTTP/1.1 ${this.statusCode} ${this.statusMessage}\r\n${renderBlock(block)}\r\n`
  }

  setHeader(name: string, value: HeaderValue): this {
    if (this[kBlock] !== undefined) throw headersSent('set')
    const field = makeField(name, value)
    const fields = this[kFields]
    if (fields === undefined) this[kFields] = [field]
    else putField(fields, field)
    return this
  }

  appendHeader(name: string, value: string | readonly string[]): this {
    if (this[kBlock] !== undefined) throw headersSent('append')
    const earlier = findField(this[kFields], lowerName(name))
    if (earlier === undefined) return this.setHeader(name, value)
    extendField(earlier, makeField(name, value))
    return this
  }

  /** @param headers a `Headers` or a `Map` */
  setHeaders(headers: Headers | ReadonlyMap<string, HeaderValue>): this {
    if (this[kBlock] !== undefined) throw headersSent('set')
    if (!isHeaderMap(headers)) throw invalidArgument('headers', 'a Headers or a Map', headers)
    // `Headers` yields each cookie by itself: a second `setHeader` would replace the first.
    const cookies: string[] = []
    for (const [name, value] of headers) {
      if (name === 'set-cookie') cookies.push(...[value as string | string[]].flat())
      else this.setHeader(name, value)
    }
    if (cookies.length > 0) this.setHeader('set-cookie', cookies)
    return this
  }

  getHeader(name: string): HeaderValue | undefined {
    return findField(this[kFields], lowerCase(name))?.value
  }

  getHeaderNames(): string[] {
    return this[kFields]?.map((field) => field.lower) ?? []
  }

  getRawHeaderNames(): string[] {
    return this[kFields]?.map((field) => field.spelling) ?? []
  }

  getHeaders(): OutgoingHttpHeaders {
    const headers: OutgoingHttpHeaders = Object.create(null)
    for (const { lower, value } of this[kFields] ?? []) headers[lower] = value as string
    return headers
  }

  hasHeader(name: string): boolean {
    return findField(this[kFields], lowerCase(name)) !== undefined
  }

  removeHeader(name: string): void {
    const lower = lowerCase(name)
    if (this[kBlock] !== undefined) throw headersSent('remove')
    if (lower === 'content-length') this._removedContLen = true
    removeField(this, lower)
  }

  /** Trailer fields are sent where the framing has room for them: in a chunked or HTTP/2 body. */
  addTrailers(headers: OutgoingHttpHeaders | readonly (readonly [string, string])[]): void {
    const pairs = Array.isArray(headers) ? headers : Object.entries(headers)
    let block = ''
    for (const [name, value] of pairs) {
      validateHeaderName(name)
      for (const line of [value].flat()) {
        try {
          validateHeaderValue(name, line)
        } catch {
          throw invalidCharacter(`trailer content ["${name}"]`)
        }
        block += encodeField(name, String(line))
      }
    }
    this[kTrailers] = block
  }
}

/** What `writeHead` takes: an object, names and values in turn, or pairs. */
export type HeadersArgument =
  | OutgoingHttpHeaders
  | readonly (HeaderValue | readonly [string, HeaderValue])[]

const NO_FIELDS: readonly Field[] = []

const CLOSE = encodeField('connection', 'close')

/** Fixes the fields: those set one by one, or those given to `writeHead` alone. */
export function fixFields(out: NodeOutgoing, given: HeadersArgument | undefined): void {
  // Node lets `getHeader` see the fields of `writeHead` only if others were set before.
  if (given !== undefined && out[kFields] === undefined) {
    let block = ''
    eachField(given, (name, value) => {
      const field = encodeField(name, value)
      if (admit(out, lowerName(name), value)) block += field
    })
    out[kBlock] = block
  } else {
    if (given !== undefined) mergeFields(out, given)
    out[kBlock] = collectFields(out)
  }
  if (!out.shouldKeepAlive) out[kBlock] += CLOSE
}

export function encodeFields(given: HeadersArgument): HeaderBlock {
  let block = ''
  eachField(given, (name, value) => {
    block += encodeField(name, value)
  })
  return block
}

function mergeFields(out: NodeOutgoing, given: HeadersArgument): void {
  // A list may name a field more than once, and replaces what was set before.
  if (Array.isArray(given)) {
    eachField(given, (name) => removeField(out, lowerName(name)))
    eachField(given, (name, value) => out.appendHeader(name, value as string))
  } else
    eachField(given, (name, value) => {
      if (name !== '') out.setHeader(name, value)
    })
}

function collectFields(out: NodeOutgoing): HeaderBlock {
  let block = ''
  for (const field of out[kFields] ?? NO_FIELDS)
    if (admit(out, field.lower, field.value)) block += field.block
  return block
}

function removeField(out: NodeOutgoing, lower: string): void {
  out[kFields] = out[kFields]?.filter((field) => field.lower !== lower)
}

/** Notes what a field says of the body. Framing is native code's: Transfer-Encoding is not sent. */
function admit(out: NodeOutgoing, lower: string, value: HeaderValue): boolean {
  if (lower === 'transfer-encoding') {
    if (/\bchunked\b/i.test(String(value))) out.chunkedEncoding = true
    return false
  }
  if (lower === 'content-length') {
    if (!/^\d{1,15}$/.test(String(value))) throw invalidValue('content-length', value)
    out._contentLength = Number(value)
  }
  return true
}

function eachField(
  given: HeadersArgument,
  visit: (name: string, value: HeaderValue) => void,
): void {
  if (!Array.isArray(given)) {
    const fields = given as OutgoingHttpHeaders
    for (const name of Object.keys(fields)) visit(name, fields[name] as HeaderValue)
    return
  }
  const list: readonly unknown[] = given
  if (Array.isArray(list[0])) {
    for (const [name, value] of list as [string, HeaderValue][]) visit(name, value)
    return
  }
  if (list.length % 2 !== 0) throw invalidValue('headers', given)
  for (let at = 0; at < list.length; at += 2) visit(list[at] as string, list[at + 1] as HeaderValue)
}

function lowerCase(name: unknown): string {
  if (typeof name !== 'string') throw invalidArgument('name', 'of type string', name)
  return name.toLowerCase()
}

function isHeaderMap(value: unknown): value is Headers | ReadonlyMap<string, HeaderValue> {
  const map = value as Partial<Map<string, string>> | null | undefined
  return (
    !!map && !Array.isArray(map) && typeof map.keys === 'function' && typeof map.get === 'function'
  )
}
