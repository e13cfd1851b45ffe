/** The other end of a control socket: asks a server, and waits for its answer. */

import { connect } from 'node:net'
import { MonodonError } from '../../errors.ts'
import { type Answer, PROTOCOL_VERSION, type Request } from './protocol.ts'

/**
 * Asks the server whose control socket lies at `path`. Waits as long as the server takes, or until
 * `signal` is aborted.
 *
 * @throws MonodonError `MONODON_NO_SERVER` when none answers there, or one ends without an answer
 */
export async function ask(path: string, request: Request, signal?: AbortSignal): Promise<Answer> {
  const line = await exchange(path, lineOf(request), signal)
  if (signal?.aborted) throw noServer(`${path}: the server does not answer`)
  try {
    return JSON.parse(line) as Answer
  } catch {
    throw noServer(
      line === ''
        ? `${path}: the server has ended without an answer`
        : `${path}: what answers there is no monodon`,
    )
  }
}

/** True when a server listens at `path`. */
export function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      resolve(true)
      socket.destroy()
    })
  })
}

/** A request as it is sent. */
export function lineOf(request: Request): string {
  return `${JSON.stringify({ version: PROTOCOL_VERSION, ...request })}\n`
}

/** Sends a line and resolves with the one that comes back; `''` if none does. */
function exchange(path: string, line: string, signal?: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    const leave = (): void => void socket.destroy()
    signal?.addEventListener('abort', leave)
    let text = ''
    socket.setEncoding('utf8')
    socket.once('connect', () => socket.end(line))
    socket.on('data', (data) => {
      text += data
    })
    socket.once('close', () => {
      signal?.removeEventListener('abort', leave)
      resolve(text.split('\n', 1)[0] ?? '')
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      // Answers may have come before the connection broke.
      if (text === '') reject(noServer(whyNot(path, error)))
    })
  })
}

/** Why a server cannot be reached. */
export function whyNot(path: string, error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT':
      return `there is no ${path}`
    case 'ECONNREFUSED':
      return `${path} was left behind by a server that is gone`
    case 'EACCES':
      return `${path} is another user's`
    default:
      return `${path}: ${error.message}`
  }
}

export function noServer(detail: string): MonodonError {
  return new MonodonError('MONODON_NO_SERVER', { detail })
}
