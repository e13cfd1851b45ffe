import { inspect } from 'node:util'

/** An error with the `code` that Node gives it: programs tell Node's errors apart by `code`. */
export function nodeError(
  Base: new (message: string) => Error,
  code: string,
  message: string,
): NodeJS.ErrnoException {
  return Object.assign(new Base(message), { code })
}

export const headersSent = (verb: 'set' | 'append' | 'remove' | 'write'): Error =>
  nodeError(
    Error,
    'ERR_HTTP_HEADERS_SENT',
    `Cannot ${verb} headers after they are sent to the client`,
  )

export const invalidArgument = (name: string, expected: string, actual: unknown): Error =>
  nodeError(
    TypeError,
    'ERR_INVALID_ARG_TYPE',
    `The "${name}" argument must be ${expected}. Received ${inspect(actual, { depth: 0 })}`,
  )

export const invalidValue = (name: string, actual: unknown): Error =>
  nodeError(
    TypeError,
    'ERR_INVALID_ARG_VALUE',
    `The argument '${name}' is invalid. Received ${inspect(actual, { depth: 0 })}`,
  )

export const invalidCharacter = (where: string): Error =>
  nodeError(TypeError, 'ERR_INVALID_CHAR', `Invalid character in ${where}`)

export const contentLengthMismatch = (written: number, declared: number): Error =>
  nodeError(
    Error,
    'ERR_HTTP_CONTENT_LENGTH_MISMATCH',
    `Response body's content-length of ${written} byte(s) does not match the content-length of ` +
      `${declared} byte(s) set in header`,
  )

/** What Node destroys a socket with when its client resets it. */
export const readReset = (): Error =>
  Object.assign(nodeError(Error, 'ECONNRESET', 'read ECONNRESET'), { errno: -104, syscall: 'read' })

/** What Node destroys a request with when its client leaves. */
export const connectionReset = (): Error => nodeError(Error, 'ECONNRESET', 'aborted')
