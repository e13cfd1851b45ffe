/** The other end of a control socket, for what goes on to be told: a line at a time. */

import { connect, type Socket } from 'node:net'
import { lineOf, noServer, whyNot } from './client.ts'
import type { Answer, Request } from './protocol.ts'

/** A line of a server is this long at most, in characters: what is longer is none of its. */
const LINE_LENGTH = 1 << 20

/**
 * Asks, and gives `hear` what the server tells after its answer. When `hear` returns a promise, no more is
 * read until that resolves. Resolves when `signal` is aborted.
 *
 * @throws MonodonError `MONODON_NO_SERVER` when none answers, or it ends; Error when it cannot do it
 */
export function follow(
  path: string,
  request: Request,
  hear: (thing: unknown) => Promise<void> | undefined,
  signal: AbortSignal,
): Promise<void> {
  const socket = connect(path)
  socket.setEncoding('utf8')
  socket.write(lineOf(request))
  signal.addEventListener('abort', () => socket.destroy(), { once: true })
  return read(socket, path, hear).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}

async function read(
  socket: Socket,
  path: string,
  hear: (thing: unknown) => Promise<void> | undefined,
): Promise<void> {
  let isAnswered = false
  let text = ''
  try {
    for await (const data of socket) {
      const lines = (text + data).split('\n')
      text = lines.pop() ?? ''
      if (text.length > LINE_LENGTH) throw noServer(`${path}: what answers there is no monodon`)
      for (const line of lines) {
        const thing = parse(line, path)
        if (isAnswered) await hear(thing)
        else check(thing as Answer)
        isAnswered = true
      }
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw isSystemError(code) ? noServer(whyNot(path, error as NodeJS.ErrnoException)) : error
  }
  throw noServer(`${path}: the server has ended`)
}

function parse(line: string, path: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    throw noServer(`${path}: what answers there is no monodon`)
  }
}

function check(answer: Answer): void {
  if (!answer.ok) throw new Error(answer.error.message)
}

/** Of connecting and reading: `ECONNREFUSED`. */
function isSystemError(code: string | undefined): boolean {
  return code !== undefined && /^E[A-Z]+$/.test(code)
}
