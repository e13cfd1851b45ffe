import type { Talk } from './differential.ts'
import type { Ask } from './peer.ts'

/** One request and its answer. */
export function ask(method: string, target: string, options: Ask = {}): Talk {
  return (peer) => peer.ask(method, target, options)
}

export const get = (target: string, headers: Record<string, string> = {}): Talk =>
  ask('GET', target, { headers })

export const head = (target: string, headers: Record<string, string> = {}): Talk =>
  ask('HEAD', target, { headers })

/** A POST with a body of a type. */
export const post = (
  target: string,
  type: string,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
): Talk => ask('POST', target, { headers: { 'Content-Type': type, ...headers }, body })

/** What a browser asks before it sends a PUT to another site (CORS). */
export const preflight = (target: string): Talk =>
  ask('OPTIONS', target, {
    headers: { Origin: 'http://other.test', 'Access-Control-Request-Method': 'PUT' },
  })

/** Talks one after the other, on one connection. */
export function inTurn(...talks: Talk[]): Talk {
  return async (peer) => {
    for (const talk of talks) await talk(peer)
  }
}

/** The Cookie field that a browser would send after an answer. */
export function cookiesOf(answer: { fields: readonly (readonly [string, string])[] }): string {
  const set = answer.fields.filter(([name]) => name.toLowerCase() === 'set-cookie')
  return set.map(([, value]) => value.split(';')[0]).join('; ')
}

export interface Part {
  readonly name: string
  readonly content: string
  readonly filename?: string
  readonly type?: string
}

const BOUNDARY = 'a-boundary'
export const MULTIPART = `multipart/form-data; boundary=${BOUNDARY}`

/** A `multipart/form-data` body (RFC 7578). */
export function multipart(...parts: readonly Part[]): string {
  const text = parts.map(({ name, content, filename, type }) => {
    const file = filename === undefined ? '' : `; filename="${filename}"`
    const kind = type === undefined ? '' : `Content-Type: ${type}\r\n`
    return `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${file}\r\n${kind}\r\n${content}\r\n`
  })
  return `${text.join('')}--${BOUNDARY}--\r\n`
}
