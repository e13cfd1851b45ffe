/** What the clients of the soak tests ask `app.mjs`, each with what a right answer is. */
import { createHash } from 'node:crypto'

export interface Question {
  /** Both may be repeated by a proxy that has lost its connection (RFC 9110 section 9.2.2). */
  readonly method: 'GET' | 'PUT'
  /** No two are alike, so that the server's log tells which one it speaks of. */
  readonly target: string
  readonly body?: Uint8Array
  isRight(answer: Buffer): boolean
}

export type Asking = 'small' | 'upload' | 'large' | 'stream' | 'hold' | 'pause'

/** Of `app.mjs`. */
const LARGE_BYTES = 96 * 1024
const CHUNKS = 8
const CHUNK_BYTES = 2000
/** Beyond what rides in the record of a request. */
const UPLOAD_BYTES = 150_000

let asked = 0

/** The next question of a kind. */
export function question(kind: Asking): Question {
  const id = asked++
  const target = `/${kind}?id=${id}`
  const get = (isRight: Question['isRight']): Question => ({ method: 'GET', target, isRight })
  switch (kind) {
    case 'small':
      return get((answer) => answer.toString() === `small ${id}`)
    case 'hold':
      return get((answer) => answer.toString() === `held ${id}`)
    case 'pause':
      return get((answer) => answer.toString() === `paused ${id}`)
    case 'large':
      return get((answer) => answer.equals(Buffer.alloc(LARGE_BYTES, id % 251)))
    case 'stream':
      return get((answer) => answer.equals(streamed(id)))
    case 'upload':
      return upload(target, Buffer.alloc(1 + ((id * 7919) % UPLOAD_BYTES), `upload ${id},`))
  }
}

function streamed(id: number): Buffer {
  const chunks = Array.from({ length: CHUNKS }, (_, i) => Buffer.alloc(CHUNK_BYTES, (id + i) % 251))
  return Buffer.concat(chunks)
}

function upload(target: string, body: Buffer): Question {
  const digest = createHash('sha1').update(body).digest('hex')
  return { method: 'PUT', target, body, isRight: (answer) => answer.toString() === digest }
}
