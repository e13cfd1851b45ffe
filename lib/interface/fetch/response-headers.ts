import type { HeaderBlock } from '../../bridge/exchange.ts'
import { encodeHeader } from '../../bridge/header-block.ts'
import { HEADER_CODES } from '../../bridge/layout.ts'

/**
 * Encoded fields by name and value, for those that an app sends over and over: at most 128 names of
 * 32 values of 128 characters. Nothing is ever evicted, so that values which differ each time cost
 * a look-up and no more.
 */
const encoded = new Map<string, Map<string, HeaderBlock>>()
const MAX_NAMES = 128
const MAX_VALUES = 32
const MAX_VALUE_LENGTH = 128

/** Names whose values differ by nature; they may be secrets besides. */
const NEVER_REMEMBERED = new Set([
  'content-length',
  'content-range',
  'date',
  'etag',
  'last-modified',
  'location',
  'set-cookie',
  'x-request-id',
])

const CONTENT_TYPE = HEADER_CODES.get('content-type')

/**
 * Encodes header fields as they were given to a `Response`.
 *
 * @param defaultType `content-type` where the fields have none
 * @throws MonodonError `MONODON_BAD_HEADER`; TypeError for what is no list of fields
 */
export function encodeFields(
  fields: HeadersInit | Iterable<readonly string[]> | undefined,
  defaultType: string | null,
): HeaderBlock {
  if (fields === undefined || fields === null)
    return defaultType === null ? '' : encodeField('content-type', defaultType)
  const block = Symbol.iterator in fields ? encodePairs(fields) : encodeRecord(fields)
  if (defaultType === null || hasField(block, CONTENT_TYPE)) return block
  return block + encodeField('content-type', defaultType)
}

function encodeRecord(fields: Record<string, string>): HeaderBlock {
  let block = ''
  for (const name in fields)
    if (Object.hasOwn(fields, name)) block += encodeField(name, fields[name])
  return block
}

function encodePairs(fields: Iterable<readonly string[]>): HeaderBlock {
  let block = ''
  for (const field of fields) {
    if (field.length !== 2) throw new TypeError('a header field is a pair of name and value')
    block += encodeField(field[0], field[1])
  }
  return block
}

/**
 * Encodes one field.
 *
 * @throws MonodonError `MONODON_BAD_HEADER`
 */
export function encodeField(name: unknown, value: unknown): HeaderBlock {
  const known = encoded.get(name as string)?.get(value as string)
  return known === undefined ? encodeNew(String(name), String(value)) : known
}

function encodeNew(name: string, value: string): HeaderBlock {
  const block = encodeHeader(name, trimSpace(value))
  remember(name, value, block)
  return block
}

function remember(name: string, value: string, block: HeaderBlock): void {
  if (value.length > MAX_VALUE_LENGTH || NEVER_REMEMBERED.has(name.toLowerCase())) return
  const values = encoded.get(name)
  if (values === undefined) {
    if (encoded.size < MAX_NAMES) encoded.set(name, new Map([[value, block]]))
  } else if (values.size < MAX_VALUES) values.set(value, block)
}

/** https://fetch.spec.whatwg.org/#concept-header-value-normalize */
function trimSpace(value: string): string {
  return value.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '')
}

/** Whether an encoded block has the field with this number; the form is in `layout.ts`. */
export function hasField(block: HeaderBlock, code: number | undefined): boolean {
  for (let at = 0; at < block.length; ) {
    const found = block.charCodeAt(at)
    if (found === code) return true
    const valueLength = block.charCodeAt(at + 1) | (block.charCodeAt(at + 2) << 8)
    at += 3 + valueLength + (found === 0 ? 1 + block.charCodeAt(at + 3) : 0)
  }
  return false
}
