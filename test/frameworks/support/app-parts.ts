/** What the apps have in common. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import type { Note } from './sides.ts'

/** Files to serve. */
export const PUBLIC = fileURLToPath(new URL('../public', import.meta.url))
/** A folder with a large file. */
export const FOLDER = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')
/** The largest file that may be uploaded, in bytes. */
export const LIMIT = 200_000
/** What a stream is made of. */
export const PIECES = ['one ', Buffer.from('two '), 'drei é ']
/** A text worth compressing. */
export const TEXT = 'All work and no play makes Jack a dull boy.\n'.repeat(200)

/** Short bytes as text, others by their length and hash. */
export function textOf(bytes: Buffer): string {
  if (bytes.length <= 200) return bytes.toString()
  return `${bytes.length} bytes, sha256 ${createHash('sha256').update(bytes).digest('hex')}`
}

export async function until(res: ServerResponse, event: string): Promise<void> {
  await once(res, event)
}

/**
 * What a handler sees of Node's objects. Ports differ from one connection to the next, and a GET is
 * `complete` one turn later on `node:http`.
 */
export function seenBy(req: IncomingMessage, res: ServerResponse): object {
  const { remoteAddress, remoteFamily, localFamily, destroyed, readable, writable } = req.socket
  return {
    method: req.method,
    url: req.url,
    versions: [req.httpVersion, req.httpVersionMajor, req.httpVersionMinor],
    headers: req.headers,
    distinct: req.headersDistinct,
    names: req.rawHeaders.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase()),
    request: [req.aborted, req.destroyed, req.readable, req.readableFlowing],
    response: [res.headersSent, res.writableEnded, res.writableFinished, res.writable, res.closed],
    response2: [res.sendDate, res.statusCode, res.chunkedEncoding, res.shouldKeepAlive],
    socket: { remoteAddress, remoteFamily, localFamily, destroyed, readable, writable },
    encrypted: 'encrypted' in req.socket,
    same: [req.socket === res.socket, req.socket === req.connection, res.req === req],
  }
}

/** Notes the events of a request and its response, in their order. */
export function noteEvents(
  note: Note,
  name: string,
  { req, res }: { req: IncomingMessage; res: ServerResponse },
): void {
  req.on('aborted', () => note(`${name}: aborted`))
  req.on('error', (error: NodeJS.ErrnoException) => note(`${name}: ${error.code}`))
  req.on('end', () => note(`${name}: end`))
  req.on('close', () => note(`${name}: req close, complete ${req.complete}`))
  req.socket.on('close', () => note(`${name}: socket close`))
  res.on('finish', () => note(`${name}: finish`))
  res.on('close', () => note(`${name}: close`))
}
