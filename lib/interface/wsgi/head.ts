/** The head of a response: what the app gave `startResponse`, checked and encoded. */

import { encodeHeader, encodeReason } from '../../bridge/header-block.ts'
import { MonodonError } from '../../errors.ts'

export type Fields = readonly (readonly [name: string, value: string])[]

/** A checked head. Never changes, so that one serves all responses that have it. */
export interface Head {
  readonly status: number
  readonly block: string
  /** The body's length that the app declared; -1 without one. */
  readonly contentLength: number
  /** False when a response to GET with this status has no body (RFC 9110 section 6.4.1). */
  readonly hasBody: boolean
}

const CONTENT_LENGTH = 'content-length'
const NO_CONTENT = 204
const NOT_MODIFIED = 304
/** PEP 3333: `NNN Reason`, without control characters. 1xx are not final responses. */
const STATUS = /^[2-9][0-9]{2} [\x20-\x7e\x80-\xff]*$/
const DECIMAL = /^[0-9]{1,15}$/

/** Fields that are the server's (PEP 3333, "Other HTTP Features"; RFC 9110 section 7.6.1). */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'trailers',
  'transfer-encoding',
  'upgrade',
])

/** A head and what the app gave for it. */
interface Seen extends Head {
  readonly text: string
  readonly names: readonly string[]
  readonly values: readonly string[]
  /** Which of the fields is the content-length; -1 without one. */
  readonly lengthAt: number
  /** The block without the content-length. */
  readonly bare: string
}

/** Heads given of late: most apps have few that differ in more than the length. */
const recent: Seen[] = []
const MAX_RECENT = 8
const MAX_RECENT_FIELDS = 16
const MAX_RECENT_BYTES = 2048
let oldest = 0

/**
 * Checks and encodes a head.
 *
 * @throws MonodonError see `StartResponse`
 */
export function responseHead(status: string, fields: Fields): Head {
  for (let at = 0; at < recent.length; at += 1) {
    const head = recent[at]!
    if (head.text === status && isSame(head, fields)) return sameButLength(head, fields)
  }
  const head = encodeHead(status, fields)
  if (fields.length <= MAX_RECENT_FIELDS && head.block.length <= MAX_RECENT_BYTES) {
    recent[oldest] = head
    oldest = (oldest + 1) % MAX_RECENT
  }
  return head
}

/** Compares contents: the app may have changed the array since, and builds a new one mostly. */
function isSame(head: Seen, fields: Fields): boolean {
  const { names, values } = head
  if (!Array.isArray(fields) || fields.length !== names.length) return false
  for (let at = 0; at < names.length; at += 1) {
    const field = fields[at]
    if (!Array.isArray(field) || field.length !== 2 || field[0] !== names[at]) return false
    if (field[1] !== values[at] && (at !== head.lengthAt || typeof field[1] !== 'string'))
      return false
  }
  return true
}

function sameButLength(head: Seen, fields: Fields): Head {
  const { lengthAt, status, bare, hasBody } = head
  if (lengthAt === -1) return head
  const length = fields[lengthAt]![1]
  if (length === head.values[lengthAt]) return head
  const contentLength = parseLength(length)
  return { status, block: bare + lengthField(status, length), contentLength, hasBody }
}

function encodeHead(text: string, fields: Fields): Seen {
  if (typeof text !== 'string' || !STATUS.test(text))
    throw new MonodonError('MONODON_APP_BAD_STATUS', { detail: shown(text) })
  checkFields(fields)
  const names = fields.map((field) => field[0])
  const values = fields.map((field) => field[1])
  const lengthAt = names.findIndex(isContentLength)
  if (names.some((name, at) => at > lengthAt && lengthAt !== -1 && isContentLength(name)))
    throw new MonodonError('MONODON_APP_BAD_LENGTH', { detail: 'set twice' })
  const length = values[lengthAt]
  const contentLength = length === undefined ? -1 : parseLength(length)
  const status = Number(text.slice(0, 3))
  const hasBody = status !== NO_CONTENT && status !== NOT_MODIFIED
  let bare = encodeReason(status, text.slice(4))
  for (let at = 0; at < names.length; at += 1)
    if (at !== lengthAt) bare += encodeHeader(names[at]!, values[at]!)
  const block = length === undefined ? bare : bare + lengthField(status, length)
  return { status, block, contentLength, hasBody, text, names, values, lengthAt, bare }
}

function isContentLength(name: string): boolean {
  return name.length === CONTENT_LENGTH.length && name.toLowerCase() === CONTENT_LENGTH
}

function parseLength(value: string): number {
  if (!DECIMAL.test(value))
    throw new MonodonError('MONODON_APP_BAD_LENGTH', { detail: shown(value) })
  return Number(value)
}

/** The field, encoded. A 204 has no content-length (RFC 9110 section 8.6). */
export function lengthField(status: number, value: string): string {
  return status === NO_CONTENT ? '' : encodeHeader(CONTENT_LENGTH, value)
}

/** Encodes the fields of an informational response. */
export function encodeFields(fields: Fields): string {
  checkFields(fields)
  return fields.map(([name, value]) => encodeHeader(name, value)).join('')
}

function checkFields(fields: Fields): void {
  if (!Array.isArray(fields))
    throw new MonodonError('MONODON_APP_BAD_HEADERS', { detail: `not an array: ${shown(fields)}` })
  for (const field of fields) {
    if (!isField(field))
      throw new MonodonError('MONODON_APP_BAD_HEADERS', { detail: `not a pair: ${shown(field)}` })
    if (HOP_BY_HOP.has(field[0].toLowerCase()))
      throw new MonodonError('MONODON_APP_HOP_BY_HOP', { detail: field[0] })
  }
}

function isField(field: unknown): field is [string, string] {
  if (!Array.isArray(field) || field.length !== 2) return false
  return typeof field[0] === 'string' && typeof field[1] === 'string'
}

/** A short picture of what the app gave. */
export function shown(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  if (typeof value !== 'string' && (typeof value !== 'object' || value === null))
    return String(value)
  if (typeof value === 'object' && !Array.isArray(value))
    return `an object of class ${value?.constructor?.name ?? 'null'}`
  const text = JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 80)}...` : text
}
