/** Values of options: read from text or from code, and written back for people. */

import { type ListRow, MAX_DURATION_MS, type OptionRow } from './rows/row.ts'

const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
const SIZE_UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1024,
  mb: 1_048_576,
  gb: 1_073_741_824,
}
const QUANTITY = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/

/** A value that was resolved. */
export type Value = number | string | boolean | readonly string[]

/** Why a value was refused; `allowed` completes "allowed: ...". */
export class BadValue extends Error {
  readonly allowed: string

  constructor(allowed: string) {
    super(allowed)
    this.allowed = allowed
  }
}

/**
 * Reads one option's value.
 *
 * @param raw text from a flag or a variable, or any value from a config file or from code
 * @param cores how many cores the machine has, for `auto`
 * @throws BadValue when the row does not allow it
 */
export function parseValue(row: OptionRow, raw: unknown, cores: number): Value {
  const value = tryParse(row, raw, cores)
  if (value === undefined) throw new BadValue(allowedValues(row))
  return value
}

function tryParse(row: OptionRow, raw: unknown, cores: number): Value | undefined {
  switch (row.type) {
    case 'integer': {
      if (raw === 'auto') return row.auto?.(cores)
      return within(integer(raw), row.min, row.max)
    }
    case 'duration': {
      const ms = duration(raw)
      return ms === 0 && row.off === undefined ? undefined : within(ms, 0, MAX_DURATION_MS)
    }
    case 'size':
      return within(size(raw), row.min, row.max)
    case 'enum': {
      // Gunicorn takes INFO for info too.
      const text = typeof raw === 'number' ? String(raw) : raw
      return typeof text === 'string'
        ? row.values.find((value) => value === text.toLowerCase())
        : undefined
    }
    case 'boolean':
      return boolean(raw)
    case 'string':
      return typeof raw === 'string' && raw !== '' && (row.pattern?.test(raw) ?? true)
        ? raw
        : undefined
    case 'mode':
      return mode(raw)
    case 'addresses':
      return addresses(raw)
    case 'list':
      return list(row, raw)
  }
}

function within(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined
}

function integer(raw: unknown): number | undefined {
  if (typeof raw === 'string') return /^\d{1,15}$/.test(raw) ? Number(raw) : undefined
  return Number.isSafeInteger(raw) ? (raw as number) : undefined
}

/** The milliseconds of a time such as `500ms`; `undefined` for what is none. */
export function milliseconds(text: string): number | undefined {
  return quantity(text, DURATION_UNITS, 's')
}

/** Milliseconds. A bare number is seconds, as Gunicorn has it. */
function duration(raw: unknown): number | undefined {
  if (raw === 'off' || raw === false) return 0
  return quantity(raw, DURATION_UNITS, 's')
}

function size(raw: unknown): number | undefined {
  return quantity(raw, SIZE_UNITS, 'b')
}

function quantity(
  raw: unknown,
  units: Readonly<Record<string, number>>,
  bareUnit: string,
): number | undefined {
  const text = typeof raw === 'number' ? String(raw) : raw
  if (typeof text !== 'string') return undefined
  const match = QUANTITY.exec(text.trim().toLowerCase())
  if (match === null) return undefined
  const unit = Object.hasOwn(units, match[2]!) ? match[2]! : match[2] === '' ? bareUnit : undefined
  if (unit === undefined) return undefined
  const exact = Number(match[1]) * units[unit]!
  const rounded = Math.round(exact)
  // What is not nothing must not become "off" by rounding.
  return rounded === 0 && exact > 0 ? undefined : rounded
}

function boolean(raw: unknown): boolean | undefined {
  if (typeof raw === 'boolean') return raw
  if (typeof raw !== 'string') return undefined
  const text = raw.toLowerCase()
  if (text === '1' || text === 'true' || text === 'yes' || text === 'on') return true
  if (text === '0' || text === 'false' || text === 'no' || text === 'off') return false
  return undefined
}

/** Octal text. A number would be read in decimal by some and in octal by others. */
function mode(raw: unknown): number | undefined {
  const text = typeof raw === 'string' ? /^(?:0o?)?([0-7]{3})$/.exec(raw) : null
  return text === null ? undefined : Number.parseInt(text[1]!, 8)
}

function addresses(raw: unknown): readonly string[] | undefined {
  const given = typeof raw === 'string' ? raw.split(',') : raw
  if (!Array.isArray(given) || given.length === 0) return undefined
  const found = given.map((item) => (typeof item === 'string' ? address(item.trim()) : undefined))
  return found.every((item) => item !== undefined) ? found : undefined
}

function list(row: ListRow, raw: unknown): readonly string[] | undefined {
  const given = typeof raw === 'string' ? splitList(row, raw) : raw
  if (!Array.isArray(given)) return undefined
  return given.every((item) => typeof item === 'string' && row.item.test(item)) ? given : undefined
}

/** The items in one text, of a flag or a variable. */
export function splitList(row: ListRow, text: string): string[] {
  return row.whole ? [text] : text.split(',').map((item) => item.trim())
}

/** `unix:PATH`, also with `//` before the path as Gunicorn has it. */
const UNIX_SOCKET = /^unix:(?:\/\/)?([^\0]*[^/\0])$/
const DESCRIPTOR = /^fd:\/\/(\d{1,9})$/

/** What may stand before an address: whether the PROXY protocol comes first, and whether TLS does. */
const MARKS = /^((?:proxy\+)?https?:\/\/|proxy:\/\/)?(.*)$/s

/** An item of `bind` in two: what is said of the address, and the address. */
export function splitMarks(bind: string): { readonly marks: string; readonly place: string } {
  const [, marks = '', place = bind] = MARKS.exec(bind) ?? []
  return { marks, place }
}

/**
 * `HOST:PORT`, `[IPV6]:PORT`, or `:PORT` for every IPv4 address; `unix:PATH`; `fd://N`; each also after
 * `https://`, `http://`, `proxy://`, `proxy+https://` or `proxy+http://`. Each has one spelling from here on.
 */
function address(text: string): string | undefined {
  const { marks, place } = splitMarks(text)
  const found = placeOf(place)
  return found === undefined ? undefined : `${marks}${found}`
}

function placeOf(text: string): string | undefined {
  const path = UNIX_SOCKET.exec(text)?.[1]
  if (path !== undefined) return `unix:${path}`
  const descriptor = DESCRIPTOR.exec(text)?.[1]
  if (descriptor !== undefined) return `fd://${Number(descriptor)}`
  const match = /^(\[[0-9a-f:.]+(?:%[\w.-]+)?\]|[\w.-]*):(\d{1,5})$/i.exec(text)
  if (match === null || Number(match[2]) > 65_535) return undefined
  return `${match[1] === '' ? '0.0.0.0' : match[1]}:${Number(match[2])}`
}

/** What a row allows, for people. */
export function allowedValues(row: OptionRow): string {
  switch (row.type) {
    case 'integer': {
      const range = `a whole number from ${row.min} to ${row.max}`
      return row.auto === undefined ? range : `${range}, or auto`
    }
    case 'duration': {
      const text = 'a duration such as 500ms, 10s, 2m or 1h (without a unit: seconds)'
      return row.off === undefined
        ? `${text}, more than 0 and at most 24 days`
        : `${text}, at most 24 days, or off`
    }
    case 'size':
      return `a size such as 8190, 64kb, 128mb or 1gb, from ${formatSize(row.min)} to ${formatSize(row.max)}`
    case 'enum':
      return row.values.join(', ')
    case 'boolean':
      return 'true or false'
    case 'string':
      return row.allowed ?? withArticle(row.unit.toLowerCase())
    case 'mode':
      return 'three octal digits as text, such as 660'
    case 'addresses':
      return 'HOST:PORT, [IPV6]:PORT or :PORT, with a port from 0 to 65535; unix:PATH; unix:@NAME; fd://N; each also after https://, http://, proxy://, proxy+https:// or proxy+http://'
    case 'list':
      return row.allowed
  }
}

function withArticle(noun: string): string {
  return /^[aeiou]/.test(noun) ? `an ${noun}` : `a ${noun}`
}

/** A resolved value, written so that it could be given again. */
export function formatValue(row: OptionRow, value: Value): string {
  if (row.type === 'duration') return formatDuration(Number(value))
  if (row.type === 'size') return formatSize(Number(value))
  if (row.type === 'mode') return Number(value).toString(8).padStart(3, '0')
  return Array.isArray(value) ? value.join(', ') : String(value)
}

function formatDuration(ms: number): string {
  if (ms === 0) return 'off'
  for (const unit of ['h', 'm', 's']) {
    const length = DURATION_UNITS[unit]!
    // 75 s stays 75 s and does not become 1.25 m; 120 s does become 2 m.
    if (ms % length === 0) return `${ms / length}${unit}`
  }
  return `${ms}ms`
}

/** Bytes with the largest unit that fits. */
export function formatSize(bytes: number): string {
  for (const unit of ['gb', 'mb', 'kb']) {
    const length = SIZE_UNITS[unit]!
    if (bytes >= length && bytes % length === 0) return `${bytes / length}${unit}`
  }
  return String(bytes)
}
