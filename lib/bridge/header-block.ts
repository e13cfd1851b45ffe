import { STATUS_CODES } from 'node:http'
import { MonodonError } from '../errors.ts'
import { HEADER_CODES } from './layout.ts'

/** RFC 9110 section 5.6.2: token. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** RFC 9110 section 5.5: no CR, LF or NUL; what is outside latin1 cannot be sent at all. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/**
 * Encodes one field for a `HeaderBlock`: a code (or 0 and the length-prefixed name), the value's
 * length in two bytes, the value. Native code checks it again.
 *
 * @param name in any case; sent in lower case
 * @param value latin1, without CR, LF, NUL or other control characters
 * @throws MonodonError `MONODON_BAD_HEADER` for a name or value that HTTP does not allow
 */
export function encodeHeader(name: string, value: string): string {
  const lower = name.toLowerCase()
  if (!VALUE.test(value) || value.length > 0xffff)
    throw new MonodonError('MONODON_BAD_HEADER', { detail: `value of ${JSON.stringify(name)}` })
  const length = String.fromCharCode(value.length & 0xff, value.length >> 8)
  const code = HEADER_CODES.get(lower)
  if (code !== undefined) return String.fromCharCode(code) + length + value
  if (!TOKEN.test(lower) || lower.length > 0xff)
    throw new MonodonError('MONODON_BAD_HEADER', { detail: `name ${JSON.stringify(name)}` })
  return `\0${length}${String.fromCharCode(lower.length)}${lower}${value}`
}

/** Statuses whose usual phrase native code spells otherwise than Node, or does not know. */
const SPELLED_OTHERWISE: ReadonlySet<number> = new Set([203, 418, 509])

/** The name under which a reason phrase travels in a block; no field can be called so. */
const REASON = ':reason'

/**
 * Encodes a reason phrase (RFC 9112 section 4) for the front of a `HeaderBlock`. `''` for the usual
 * one of the status, which native code knows. HTTP/2 has none and does not send it.
 *
 * @throws MonodonError `MONODON_BAD_HEADER` for a phrase that HTTP does not allow
 */
export function encodeReason(status: number, reason: string): string {
  const isUsual = reason === STATUS_CODES[status] && !SPELLED_OTHERWISE.has(status)
  if (isUsual || reason === '') return ''
  if (!VALUE.test(reason) || reason.length > 0xffff)
    throw new MonodonError('MONODON_BAD_HEADER', { detail: 'reason phrase' })
  const length = String.fromCharCode(reason.length & 0xff, reason.length >> 8)
  return `\0${length}${String.fromCharCode(REASON.length)}${REASON}${reason}`
}
