/** What is said over a control socket: a request per line, and an answer per line, in JSON. */

import { MonodonError } from '../../errors.ts'
import { didYouMean } from '../../options/names.ts'
import { ACTION_NAMES, type ActionName, actionNamed, actionOf, commandOf } from '../actions.ts'

/** Grows when a client that knows an older one could misunderstand an answer. */
export const PROTOCOL_VERSION = 1

/** Bytes of a request, at most. */
export const REQUEST_BYTES = 4096

/** `{"version":1,"command":"scale","argument":"+1"}`; without a version it is the server's. */
export interface Request {
  readonly version?: number
  readonly command: string
  readonly argument?: string
}

export type Answer =
  | { readonly version: number; readonly ok: true; readonly result: unknown }
  | { readonly version: number; readonly ok: false; readonly error: Failure }

export interface Failure {
  /** Of `lib/errors.ts`. */
  readonly code: string
  readonly message: string
}

/** What a request asks for. */
export interface Wish {
  readonly action: ActionName
  readonly argument: string
}

/** @throws MonodonError `MONODON_BAD_COMMAND` that says what is wrong with the request */
export function readRequest(line: string): Wish {
  const { version, command, argument = '' } = parse(line)
  if (version !== undefined && version !== PROTOCOL_VERSION)
    throw bad(`this server speaks version ${PROTOCOL_VERSION} of the protocol, not ${version}`)
  const action = actionNamed(String(command))
  if (action === undefined) {
    const commands = ACTION_NAMES.map(commandOf)
    const hint = didYouMean(String(command), commands) || `; there are ${commands.join(', ')}`
    throw bad(`${JSON.stringify(command)} is no command${hint}`)
  }
  const { argument: expected } = actionOf(action)
  const given = String(argument)
  if (expected === undefined && given !== '') throw bad(`${command} takes nothing, given: ${given}`)
  if (expected !== undefined && !expected.form.test(given))
    throw bad(`${command} takes ${expected.shown}, given: ${given === '' ? 'nothing' : given}`)
  return { action, argument: given }
}

/** What is told of an error to who asked. */
export function failureOf(error: unknown): Failure {
  if (error instanceof MonodonError) return { code: error.code, message: error.message }
  return { code: 'MONODON_COMMAND_FAILED', message: String(error) }
}

function parse(line: string): Partial<Request> {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw bad('the request is not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw bad('the request is no JSON object')
  return value
}

function bad(detail: string): MonodonError {
  return new MonodonError('MONODON_BAD_COMMAND', { detail })
}
