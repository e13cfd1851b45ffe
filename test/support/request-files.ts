/**
 * Requests as data. `test/requests/valid/NAME.http` and `invalid/NAME.http` hold the raw bytes,
 * `NAME.json` beside it what must come of them. See `test/requests/README.md`.
 */
import { readdirSync, readFileSync } from 'node:fs'

/** One request as the app must see it. */
export interface ExpectedRequest {
  readonly method: string
  readonly target: string
  /** What a fetch app sees, if it is not `http://` + Host + target; null if nothing is required. */
  readonly url?: string | null
  /** The target may arrive in another case. */
  readonly targetIgnoresCase?: boolean
  readonly version: '1.0' | '1.1'
  readonly headers: Readonly<Record<string, string>>
  /** One character an octet. */
  readonly body: string
  readonly trailers?: Readonly<Record<string, string>>
}

export interface ValidFile {
  readonly name: string
  readonly bytes: Buffer
  /** The rule that makes it valid. */
  readonly why: string
  /** The requests that the app must see, in order. */
  readonly requests: readonly ExpectedRequest[]
  /** The server closes the connection after the last answer. */
  readonly closes?: boolean
  /** No 1xx response may come. */
  readonly noInterim?: boolean
}

export interface InvalidFile {
  readonly name: string
  readonly bytes: Buffer
  /** The rule that makes it invalid. */
  readonly why: string
  /** What the client gets; several where the rules leave a choice. */
  readonly status: number | readonly number[]
  /** Valid requests that come before and are answered (default 0). */
  readonly before?: number
  /** The fault is in the body: the app may be called, but must never see the body's end. */
  readonly called?: boolean
  /** The client half-closes after these bytes, instead of sending another request. */
  readonly end?: boolean
  /** The server may also close without an answer. */
  readonly mayJustClose?: boolean
  /** No 1xx response may come. */
  readonly noInterim?: boolean
}

const ROOT = new URL('../requests/', import.meta.url)

export function validFiles(): ValidFile[] {
  return load<ValidFile>('valid')
}

export function invalidFiles(): InvalidFile[] {
  return load<InvalidFile>('invalid')
}

/** Every `.http` file of a folder with its expectation; one without the other is an error. */
function load<T extends { name: string; bytes: Buffer }>(folder: 'valid' | 'invalid'): T[] {
  const directory = new URL(`${folder}/`, ROOT)
  const files = readdirSync(directory)
  const names = new Set(files.map((file) => file.replace(/\.(http|json)$/, '')))
  if (files.length !== names.size * 2) throw new Error(`${folder}: a .http or .json file is alone`)
  return [...names].sort().map((name) => {
    const bytes = readFileSync(new URL(`${name}.http`, directory))
    const expectation = JSON.parse(readFileSync(new URL(`${name}.json`, directory), 'utf8')) as T
    return { ...expectation, name, bytes }
  })
}
