/** What went wrong, as far as a developer can be told: what the pages are made of. */

import { STATUS_CODES } from 'node:http'
import { inspect } from 'node:util'
import type { Exchange } from '../bridge/exchange.ts'
import { MonodonError } from '../errors.ts'
import { packageVersion } from '../version.ts'
import { MASK, SECRET } from './secrets.ts'
import { Sources } from './source.ts'
import { type Frame, framesOf } from './stack.ts'

export interface Failure {
  readonly status: number
  /** `Internal Server Error`. */
  readonly reason: string
  readonly request: {
    readonly method: string
    readonly target: string
    readonly httpVersion: string
    /** In the order sent; secrets are masked. */
    readonly fields: readonly (readonly [name: string, value: string])[]
  }
  /** What was thrown, then what caused it, and so on. */
  readonly chain: readonly Fault[]
  /** What runs, and its version. */
  readonly versions: readonly (readonly [name: string, version: string])[]
  readonly sources: Sources
}

/** One thing that was thrown. */
export interface Fault {
  /** `TypeError`. `''` for what is no error. */
  readonly name: string
  readonly message: string
  /** A code that it carries: of monodon, of Node, of a library. */
  readonly code: string
  /** What to do about it, if it is one of monodon's. */
  readonly hint: string
  readonly frames: readonly Frame[]
}

/** Errors of a chain, and characters of a message, at most. */
const MAX_CHAIN = 10
const MAX_MESSAGE = 20_000
const SECRET_NAME = new RegExp(SECRET, 'i')
/** A file and a line in a message about syntax, as `describeSyntaxError` writes it. */
const SYNTAX_PLACE = /((?:\/|[A-Za-z]:\\)[^\n:]+):(\d+)(?::(\d+))?: /

/** Describes what kept an exchange from being answered. */
export function failureOf(exchange: Exchange, error: unknown, status: number): Failure {
  const sources = new Sources()
  const { method, target, httpVersion } = exchange
  const fields: [string, string][] = []
  exchange.forEachHeader((name, value) => {
    fields.push([name, SECRET_NAME.test(name) ? MASK : value])
  })
  return {
    status,
    reason: STATUS_CODES[status] ?? '',
    request: { method, target, httpVersion, fields },
    chain: chainOf(error).map((thrown) => faultOf(thrown, sources)),
    versions: [
      ['monodon', packageVersion()],
      ['Node.js', process.versions.node],
    ],
    sources,
  }
}

/** The error, its cause, the cause of that; the parts of an AggregateError after it. */
function chainOf(error: unknown): unknown[] {
  const chain = new Set<unknown>()
  const follow = (thrown: unknown): void => {
    if (chain.size === MAX_CHAIN || chain.has(thrown)) return
    chain.add(thrown)
    if (!(thrown instanceof Error)) return
    if (thrown instanceof AggregateError) for (const part of thrown.errors) follow(part)
    if (thrown.cause !== undefined) follow(thrown.cause)
  }
  follow(error)
  return [...chain]
}

function faultOf(thrown: unknown, sources: Sources): Fault {
  const isError = thrown instanceof Error
  const message = isError ? String(thrown.message) : inspect(thrown, { depth: 3 })
  const code = isError && 'code' in thrown ? thrown.code : undefined
  const stack = isError && typeof thrown.stack === 'string' ? thrown.stack : ''
  const frames = framesOf(stack, sources)
  return {
    name: isError ? String(thrown.name) : '',
    message: message.slice(0, MAX_MESSAGE),
    code: typeof code === 'string' || typeof code === 'number' ? String(code) : '',
    hint: thrown instanceof MonodonError ? thrown.hint : '',
    frames: code === 'MONODON_APP_SYNTAX' ? [...syntaxFrame(message), ...frames] : frames,
  }
}

/** A syntax error has no frame of its own: the code never ran. */
function syntaxFrame(message: string): Frame[] {
  const [text, file, line, column] = SYNTAX_PLACE.exec(message) ?? []
  if (text === undefined || file === undefined) return []
  const place = { file, line: Number(line), column: Number(column ?? 0) + 1 }
  return [{ text: text.replace(/: $/, ''), caller: '', place, isOwn: true }]
}
