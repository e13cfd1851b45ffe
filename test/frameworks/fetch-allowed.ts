/**
 * What may differ between monodon and the servers that it is held against, and why. Each row is
 * checked both ways: what it lists must differ, unless that is left to the platform, and nothing
 * else may.
 */
import type { WireResponse } from '../support/responses.ts'

export interface Allowed {
  readonly framework: string
  /** The parts of an answer, as `differences` names them. */
  readonly parts: readonly string[]
  /** The cases, as `feature: case`; or what the other server has answered. */
  readonly cases: readonly string[] | ((expected: WireResponse) => boolean)
  readonly why: string
  /** Whether it differs depends on the release of Node. */
  readonly isUpToNode?: true
  /** Where only one of the classes of `Response` differs. */
  readonly responseClass?: ResponseClass
}

/** Which class is the global `Response`: the option `--response-class`. */
export type ResponseClass = 'fast' | 'platform'

const isChunked = ({ framing }: WireResponse) => framing === 'chunked'
const isTextOfSrvx = ({ headers }: WireResponse) =>
  headers['content-type'] === 'text/plain; charset=UTF-8'

const SRVX_SENDS_NO_PHRASE: Omit<Allowed, 'framework'> = {
  parts: ['reason'],
  cases: ({ reason }) => reason === '',
  why: 'srvx sends no reason phrase unless the app has chosen one',
}
const BLOB_HAS_TO_BE_WAITED_FOR =
  "on some releases of Node the platform's stream of a Blob has to be waited for, and goes out in chunks"
const NODE_WRITES_TEAPOT = "the usual phrase of 418 is written another way in Node's table"

export const ALLOWED: readonly Allowed[] = [
  // -- Hono, on @hono/node-server

  {
    framework: 'Hono',
    parts: ['content-type'],
    cases: [
      'answers: 204',
      'answers: 304',
      'answers: a redirect',
      'answers: a redirect with 301',
      'answers: HEAD of a streamed answer',
      'bodies of requests: bytes',
      'bodies of requests: a body that is sent back',
      'stream, streamText, streamSSE: stream',
      'stream, streamText, streamSSE: a stream of a Blob',
      'cors: preflight',
      'etag: a match',
    ],
    why: '@hono/node-server adds text/plain to every answer without a type, also to one without a body',
  },
  {
    framework: 'Hono',
    parts: ['content-length', 'transfer-encoding'],
    cases: [
      'answers: a redirect',
      'answers: a redirect with 301',
      'csrf, requestId, poweredBy, prettyJSON, trailing slashes: a slash too many',
      'csrf, requestId, poweredBy, prettyJSON, trailing slashes: a slash too few',
    ],
    why: '@hono/node-server sends an answer without a body in chunks; monodon says that its length is 0',
  },
  {
    framework: 'Hono',
    parts: ['content-length', 'transfer-encoding'],
    cases: [
      'bodies of requests: a body that is sent back',
      'stream, streamText, streamSSE: a stream that fails and says so',
      'compress: a stream',
    ],
    why: 'a stream that ends without having waited is sent with its length',
  },
  {
    framework: 'Hono',
    parts: ['reason'],
    cases: ['answers: a Response of the platform'],
    why: 'node:http calls a status that it does not know "unknown"',
  },
  {
    framework: 'Hono',
    parts: ['reason'],
    cases: ['errors: HTTPException with a Response'],
    why: NODE_WRITES_TEAPOT,
  },
  {
    framework: 'Hono',
    parts: ['body', 'content-length', 'content-type', 'transfer-encoding'],
    cases: ['URL, header fields and address of the request: a Host that is no host of a URL'],
    why: 'both say 400; monodon with a text',
  },
  {
    framework: 'Hono',
    parts: ['body', 'content-length', 'content-type', 'reason', 'status'],
    cases: ['bodyLimit: within, in chunks'],
    why: 'bodyLimit makes a new Request of the request, which @hono/node-server allows only if it replaces the global Request',
  },
  {
    framework: 'Hono',
    parts: ['cache-control'],
    cases: [
      'serveStatic of @hono/node-server: a file',
      'serveStatic of @hono/node-server: HEAD',
      'serveStatic of @hono/node-server: a file within a folder',
    ],
    responseClass: 'fast',
    why: "onFound is called with the answer made: monodon's Response still takes a field then, as that of @hono/node-server does, where it replaces the global one",
  },

  {
    framework: 'Hono',
    parts: ['content-length', 'transfer-encoding'],
    cases: ['answers: a Blob', 'stream, streamText, streamSSE: a stream of a Blob'],
    isUpToNode: true,
    why: BLOB_HAS_TO_BE_WAITED_FOR,
  },

  // -- Elysia, on @hono/node-server

  {
    framework: 'Elysia',
    parts: ['content-length', 'transfer-encoding'],
    cases: ['answers: a Blob'],
    isUpToNode: true,
    why: BLOB_HAS_TO_BE_WAITED_FOR,
  },

  {
    framework: 'Elysia',
    parts: ['content-type'],
    cases: ['answers: bytes', 'answers: a file'],
    why: '@hono/node-server adds text/plain to every answer without a type',
  },
  {
    framework: 'Elysia',
    parts: ['reason'],
    cases: ['errors: an error of the app'],
    why: NODE_WRITES_TEAPOT,
  },

  // -- h3, on srvx

  { framework: 'h3', ...SRVX_SENDS_NO_PHRASE },
  {
    framework: 'h3',
    parts: ['content-type'],
    cases: isTextOfSrvx,
    why: 'the type of a string is text/plain;charset=UTF-8 in the fetch standard; srvx adds a space',
  },
  {
    framework: 'h3',
    parts: ['content-length', 'transfer-encoding'],
    cases: [
      'answers: a Response',
      'answers: Response.json',
      'bodies of requests: a body that is sent back',
    ],
    why: 'srvx sends a body of the platform in chunks; monodon with its length if it need not wait for it',
  },
  {
    framework: 'h3',
    parts: ['content-length'],
    cases: ['handleCors, basicAuth, handleCacheHeaders, waitUntil: one that the client has'],
    why: 'h3 says that the length is 0, which a 304 may not (RFC 9110 section 8.6): monodon drops it',
  },

  // -- a handler as SvelteKit and React Router have it, on srvx

  { framework: 'SvelteKit, React Router', ...SRVX_SENDS_NO_PHRASE },
  {
    framework: 'SvelteKit, React Router',
    parts: ['content-length', 'transfer-encoding'],
    cases: (expected) => isChunked(expected) && !expected.body.includes('waiting'),
    why: 'srvx sends a body of the platform in chunks; monodon with its length if it need not wait for it',
  },
  {
    framework: 'SvelteKit, React Router',
    parts: ['body', 'content-type', 'status'],
    cases: ['streams: a request made of a request'],
    why: 'srvx allows new Request(request) only if it replaces the global Request',
  },
  {
    framework: 'SvelteKit, React Router',
    parts: ['body', 'content-length', 'content-type'],
    cases: ['redirects and errors that are thrown: Response.error()'],
    why: 'both say 500; monodon with a text',
  },
]

/** The rows that are about the answer to a case. */
export function allowed(
  framework: string,
  responseClass: ResponseClass,
  name: string,
  expected: WireResponse,
): Allowed[] {
  return ALLOWED.filter(
    (row) =>
      row.framework === framework &&
      (row.responseClass ?? responseClass) === responseClass &&
      (typeof row.cases === 'function' ? row.cases(expected) : row.cases.includes(name)),
  )
}
