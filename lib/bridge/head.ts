import { HEADER_NAMES, METHODS, REQUEST } from './layout.ts'

/** A cookie's lines are joined by `; ` (RFC 9113 section 8.2.3), others by `, ` (RFC 9110 5.3). */
const COOKIE = HEADER_NAMES.indexOf('cookie')

/** Bytes of a record's head text: spelled method, address, target, header block. */
export function headBytes(words: Uint32Array, word: number): number {
  const peer = words[word + REQUEST.peer]!
  return (
    (peer >>> 24) +
    ((peer >>> 16) & 0xff) +
    (words[word + REQUEST.targetAndFields]! & 0xffff) +
    words[word + REQUEST.headerBytes]!
  )
}

/** The method: by its number, or spelled at the front of the text. */
export function methodOf(text: string, methodAndVersion: number, peer: number): string {
  return METHODS[methodAndVersion & 0xff] || text.slice(0, peer >>> 24)
}

/** Visits `fields` fields of a header block, from `at` on; gives where the next would begin. */
export function visitBlock(
  text: string,
  at: number,
  fields: number,
  visit: (name: string, value: string, code: number) => void,
): number {
  for (let i = 0; i < fields; i++) {
    const code = text.charCodeAt(at)
    const length = text.charCodeAt(at + 1) | (text.charCodeAt(at + 2) << 8)
    at += 3
    let name: string
    if (code === 0) {
      const nameEnd = at + 1 + text.charCodeAt(at)
      name = text.slice(at + 1, nameEnd)
      at = nameEnd
    } else {
      name = HEADER_NAMES[code]!
    }
    visit(name, text.slice(at, at + length), code)
    at += length
  }
  return at
}

/** The value of the field `name` (number `wanted`, 0 if it has none), several lines joined. */
export function findInBlock(
  text: string,
  at: number,
  fields: number,
  name: string,
  wanted: number,
): string | undefined {
  let found: string | undefined
  for (let i = 0; i < fields; i++) {
    const code = text.charCodeAt(at)
    const length = text.charCodeAt(at + 1) | (text.charCodeAt(at + 2) << 8)
    at += 3
    let matches = code === wanted
    if (code === 0) {
      const nameLength = text.charCodeAt(at)
      matches &&= nameLength === name.length && text.startsWith(name, at + 1)
      at += 1 + nameLength
    }
    if (matches) {
      const value = text.slice(at, at + length)
      found = found === undefined ? value : found + (wanted === COOKIE ? '; ' : ', ') + value
    }
    at += length
  }
  return found
}

/** The fields of a trailer block. */
export function blockEntries(text: string): [name: string, value: string][] {
  const entries: [string, string][] = []
  let at = 0
  while (at < text.length)
    at = visitBlock(text, at, 1, (name, value) => entries.push([name, value]))
  return entries
}
