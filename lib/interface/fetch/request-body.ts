import type { RequestBody } from '../../bridge/exchange.ts'
import { joinBytes } from './streams.ts'

const EMPTY = new Uint8Array(0)

/** A byte stream over a request's body. It reads only when it is read. */
export function bodyStream(body: RequestBody): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    type: 'bytes',
    // The bytes come from a queue that is bounded natively: none is added here.
    pull(controller) {
      const read = body.read()
      if (read instanceof Promise) return read.then((chunk) => deliver(controller, chunk))
      return deliver(controller, read)
    },
  })
}

/** Gives a byte stream its next bytes, which must be some; `null` at the end. */
export function deliver(controller: ReadableByteStreamController, chunk: Uint8Array | null): void {
  if (chunk !== null) {
    controller.enqueue(ownBytes(chunk))
    return
  }
  controller.close()
  // A pending BYOB read is answered only now (https://streams.spec.whatwg.org, close of a byte stream).
  controller.byobRequest?.respond(0)
}

/**
 * A byte stream takes the whole `ArrayBuffer` of what is enqueued, so a window of a larger one is
 * copied first.
 */
function ownBytes(chunk: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = chunk.byteLength === chunk.buffer.byteLength && chunk.buffer instanceof ArrayBuffer
  return whole ? (chunk as Uint8Array<ArrayBuffer>) : new Uint8Array(chunk)
}

/** Reads a body to its end; without a promise if all of it is here. */
export function readAll(body: RequestBody): Uint8Array | Promise<Uint8Array> {
  const first = body.read()
  if (first === null) return EMPTY
  if (first instanceof Promise) return readRest(body, [], first)
  const second = body.read()
  return second === null ? first : readRest(body, [first], second)
}

async function readRest(
  body: RequestBody,
  chunks: Uint8Array[],
  next: Uint8Array | Promise<Uint8Array | null>,
): Promise<Uint8Array> {
  for (let chunk = await next; chunk !== null; chunk = await body.read()) chunks.push(chunk)
  return joinBytes(chunks)
}
