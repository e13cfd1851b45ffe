import { type IncomingHttpHeaders, validateHeaderName, validateHeaderValue } from 'node:http'
import type { HeaderBlock } from '../../bridge/exchange.ts'
import { encodeHeader } from '../../bridge/header-block.ts'
import { HEADER_CODES, HEADER_NAMES } from '../../bridge/layout.ts'

/** What an app may set a header to. Node sends anything else as its string. */
export type HeaderValue = number | string | readonly string[]

// -- received

/** Fields of which Node keeps the first line and drops the rest. Others are joined. */
const FIRST_ONLY: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'content-length',
  'content-type',
  'etag',
  'expires',
  'from',
  'host',
  'if-modified-since',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'referer',
  'retry-after',
  'server',
  'user-agent',
])

/** Adds a field line to `headers` by the rules of `IncomingMessage.headers`. */
export function addReceived(headers: IncomingHttpHeaders, name: string, value: string): void {
  if (name === 'set-cookie') {
    const cookies = headers['set-cookie']
    if (cookies === undefined) headers['set-cookie'] = [value]
    else cookies.push(value)
    return
  }
  // A field may be called like something that every object inherits, `constructor` for one.
  const earlier = Object.hasOwn(headers, name) ? headers[name] : undefined
  if (earlier === undefined) headers[name] = value
  else if (!FIRST_ONLY.has(name))
    headers[name] = `${earlier}${name === 'cookie' ? '; ' : ', '}${value}`
}

/** Adds a field line to `headers` by the rules of `IncomingMessage.headersDistinct`. */
export function addDistinct(headers: NodeJS.Dict<string[]>, name: string, value: string): void {
  const lines = headers[name]
  if (lines === undefined) headers[name] = [value]
  else lines.push(value)
}

// -- to be sent

interface Name {
  readonly lower: string
  /** Whether the last value is worth keeping. */
  readonly constant: boolean
  /** The last value sent and its encoding. */
  value: string | undefined
  block: string
}

/** Values of these differ from one response to the next. */
const VARYING: ReadonlySet<string> = new Set([
  'age',
  'content-length',
  'content-range',
  'date',
  'etag',
  'expires',
  'last-modified',
  'link',
  'location',
  'set-cookie',
  'x-request-id',
])
/** Spellings to remember: more than the apps of a worker use, if they do not make names up. */
const MAX_NAMES = 512
const MAX_KEPT_VALUE = 256

/** Names by their spelling in the app: spares lowering, checking and encoding what is constant. */
const names = new Map<string, Name>()

/** @throws TypeError `ERR_INVALID_HTTP_TOKEN` */
function learn(spelling: string): Name {
  validateHeaderName(spelling)
  const lower = spelling.toLowerCase()
  const constant = HEADER_CODES.has(lower) && !VARYING.has(lower)
  const name: Name = { lower, constant, value: undefined, block: '' }
  if (names.size < MAX_NAMES) names.set(spelling, name)
  return name
}

/** The name of a field in lower case. @throws TypeError `ERR_INVALID_HTTP_TOKEN` */
export function lowerName(spelling: string): string {
  return nameOf(spelling).lower
}

function nameOf(spelling: string): Name {
  return names.get(spelling) ?? learn(spelling)
}

/**
 * Encodes the lines of one field.
 *
 * @throws TypeError `ERR_INVALID_HTTP_TOKEN`, `ERR_HTTP_INVALID_HEADER_VALUE` or `ERR_INVALID_CHAR`
 */
export function encodeField(spelling: string, value: HeaderValue): HeaderBlock {
  return encodeNamed(nameOf(spelling), spelling, value)
}

function encodeNamed(name: Name, spelling: string, value: HeaderValue): HeaderBlock {
  if (typeof value === 'string' && value === name.value) return name.block
  if (Array.isArray(value)) {
    let lines = ''
    for (const line of value) lines += encodeLine(spelling, line)
    return lines
  }
  const block = encodeLine(spelling, value)
  if (name.constant && typeof value === 'string' && value.length <= MAX_KEPT_VALUE) {
    name.value = value
    name.block = block
  }
  return block
}

function encodeLine(spelling: string, value: unknown): HeaderBlock {
  // Node's own check first on what cannot be turned into a string, last for its error codes.
  if (value === undefined) validateHeaderValue(spelling, value as never)
  const text = String(value)
  try {
    return encodeHeader(spelling, text)
  } catch (error) {
    validateHeaderName(spelling)
    validateHeaderValue(spelling, text)
    throw error
  }
}

/** The lines of a block as HTTP/1.1 writes them, each with its CRLF. */
export function renderBlock(block: HeaderBlock): string {
  let text = ''
  for (let at = 0; at < block.length; ) {
    const code = block.charCodeAt(at)
    const length = block.charCodeAt(at + 1) | (block.charCodeAt(at + 2) << 8)
    const nameLength = code === 0 ? block.charCodeAt(at + 3) : 0
    const nameAt = code === 0 ? at + 4 : at + 3
    const valueAt = nameAt + nameLength
    const name = code === 0 ? block.slice(nameAt, valueAt) : HEADER_NAMES[code]
    text += `${name}: ${block.slice(valueAt, valueAt + length)}\r\n`
    at = valueAt + length
  }
  return text
}

/** A field that the app has set. */
export interface Field {
  readonly lower: string
  /** The name as the app wrote it. */
  spelling: string
  value: HeaderValue
  block: HeaderBlock
}

export function makeField(spelling: string, value: HeaderValue): Field {
  const name = nameOf(spelling)
  return { lower: name.lower, spelling, value, block: encodeNamed(name, spelling, value) }
}

export function findField(fields: readonly Field[] | undefined, lower: string): Field | undefined {
  if (fields !== undefined) for (const field of fields) if (field.lower === lower) return field
  return undefined
}

/** Adds `field`, or replaces the one of its name where that stands. */
export function putField(fields: Field[], field: Field): void {
  for (let at = 0; at < fields.length; at++)
    if (fields[at]?.lower === field.lower) {
      fields[at] = field
      return
    }
  fields.push(field)
}

/** Adds the lines of `added` to the field of its name, which is there. */
export function extendField(field: Field, added: Field): void {
  field.value = [field.value, added.value].flat() as string[]
  field.block += added.block
}
