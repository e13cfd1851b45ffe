// What every server is asked, and what it has to answer: the same for all, checked before any load.
import { once } from 'node:events'
import { request as http1Request } from 'node:http'
import { connect as http2Connect } from 'node:http2'
import { request as httpsRequest } from 'node:https'
import { gunzipSync } from 'node:zlib'
import { WebSocket } from 'undici'
import { LIST } from './apps/payload.mjs'

const KB = 1024

/** The bodies that apps and peers must agree on. */
const HELLO = 'Hello, World!'
/** The file that is served from a folder. */
export const STATIC_BYTES = 50 * KB
const ECHO = 'x'.repeat(KB)

/**
 * @typedef {object} Request
 * @property {string} path
 * @property {string} [method] default GET
 * @property {string} [body]
 * @property {Record<string, string>} [headers]
 * @property {boolean} [compressed] the answer has to be, by a coding that the headers take
 * @property {string} [message] what is sent over a WebSocket, and has to come back
 * @property {string} [type] media type of the answer
 * @property {string | number} [answer] the answer's body, or its length in bytes
 * @property {boolean} [streamed] the answer comes in chunks, without a content-length
 */

const compressed = (accepts) => ({
  path: '/list',
  headers: { 'accept-encoding': accepts },
  type: 'application/json',
  answer: LIST,
  compressed: true,
})

/** @type {Record<string, Request>} */
export const REQUESTS = {
  hello: { path: '/', type: 'text/plain', answer: HELLO },
  flask: { path: '/', type: 'text/plain', answer: HELLO },
  json: { path: '/json', type: 'application/json', answer: '{"message":"Hello, World!"}' },
  echo: { path: '/echo', method: 'POST', body: ECHO, type: 'text/plain', answer: ECHO },
  stream: { path: '/stream', type: 'text/plain', answer: 64 * KB, streamed: true },
  gzip: compressed('gzip'),
  // The middleware has no zstd here: it answers this by gzip.
  zstd: compressed('zstd, gzip'),
  websocket: { path: '/ws', message: 'x'.repeat(64) },
  static: { path: '/static/50k.txt', type: 'text/plain', answer: STATIC_BYTES },
  'flask-file': { path: '/static/50k.txt', type: 'text/plain', answer: STATIC_BYTES },
  large: { path: '/1mb', type: 'text/plain', answer: KB * KB },
}

/** The benchmark's own certificate is of no authority. */
const UNCHECKED = { rejectUnauthorized: false }

function overHttp1(port, { path, method = 'GET', body, headers }, { isTls = false } = {}) {
  const ask = isTls ? httpsRequest : http1Request
  return new Promise((resolve, reject) => {
    const request = ask(
      {
        ...{ host: '127.0.0.1', port, path, method, headers, agent: false, timeout: 5_000 },
        ...(isTls && UNCHECKED),
      },
      (response) => {
        const chunks = []
        response.on('data', (chunk) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () =>
          resolve({
            status: response.statusCode,
            headers: response.headers,
            body: Buffer.concat(chunks),
          }),
        )
      },
    )
    request.on('timeout', () => request.destroy(new Error('no answer within 5 s')))
    request.on('error', reject)
    if (body) {
      request.setHeader('content-type', 'text/plain')
      request.setHeader('content-length', Buffer.byteLength(body))
    }
    request.end(body)
  })
}

function overHttp2(port, { path }, { isTls = false } = {}) {
  return new Promise((resolve, reject) => {
    const origin = `${isTls ? 'https' : 'http'}://127.0.0.1:${port}`
    const session = http2Connect(origin, isTls ? UNCHECKED : {})
    session.on('error', reject)
    const request = session.request({ ':path': path })
    const chunks = []
    let headers
    request.on('response', (fields) => {
      headers = fields
    })
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('error', (error) => {
      session.destroy()
      reject(error)
    })
    request.on('end', () => {
      session.close()
      resolve({ status: headers[':status'], headers, body: Buffer.concat(chunks) })
    })
    request.end()
  })
}

/** Sends a message over a WebSocket of its own; rejects unless it comes back. */
async function overWebSocket(port, { path, message }) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`)
  try {
    await once(socket, 'open', { signal: AbortSignal.timeout(5_000) })
    socket.send(message)
    const [{ data }] = await once(socket, 'message', { signal: AbortSignal.timeout(5_000) })
    if (data === message) return
    throw Object.assign(new Error(`wrong echo: ${data}`), { wrongAnswer: true })
  } finally {
    socket.close()
  }
}

/** Those of a compressed body. Nothing here decodes zstd: its frame and its size have to do. */
function codingFaults(coding, body, sent, answer) {
  if (!sent['accept-encoding'].split(', ').includes(coding)) return [`coded by ${coding}`]
  const isRight =
    coding === 'gzip'
      ? gunzipSync(body).toString() === answer
      : body.readUInt32LE(0) === 0xfd2fb528 && body.length < answer.length / 2
  return isRight ? [] : [`a body of ${body.length} bytes that is not the asked one`]
}

/** The faults of an answer, in words; empty when it is the asked one. */
function faults({ status, headers, body }, { type, answer, streamed, headers: sent, compressed }) {
  const found = []
  if (status !== 200) found.push(`status ${status} instead of 200`)
  if (!String(headers['content-type']).startsWith(type)) {
    found.push(`content-type ${headers['content-type']} instead of ${type}`)
  }
  if (headers.date === undefined) found.push('no date')
  if (compressed)
    return [...found, ...codingFaults(headers['content-encoding'], body, sent, answer)]
  const length = headers['content-length']
  if (streamed ? length !== undefined : Number(length) !== body.length) {
    found.push(`content-length ${length} with a body of ${body.length} bytes`)
  }
  const right = typeof answer === 'number' ? body.length === answer : body.toString() === answer
  if (!right) found.push(`a body of ${body.length} bytes: ${body.subarray(0, 60)}`)
  return found
}

/**
 * Asks once.
 *
 * @param {'h1' | 'h2' | 'ws' | 'h1s' | 'h2s'} protocol
 * @throws {Error} with `wrongAnswer` when the answer is not the asked one
 */
export async function check(port, request, protocol) {
  if (protocol === 'ws') return overWebSocket(port, request)
  const over = protocol.startsWith('h2') ? overHttp2 : overHttp1
  const answer = await over(port, request, { isTls: protocol.endsWith('s') })
  const found = faults(answer, request)
  if (found.length === 0) return
  throw Object.assign(new Error(`wrong answer to ${request.path}: ${found.join('; ')}`), {
    wrongAnswer: true,
  })
}
