import { Readable } from 'node:stream'
import { isAnyArrayBuffer } from 'node:util/types'

const EMPTY = new Uint8Array(0)

/** Whether a value is a web stream, of this realm or another. */
export function isStream(value: unknown): value is ReadableStream {
  return hasMethod(value, 'getReader')
}

export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return hasMethod(value, Symbol.asyncIterator)
}

export function hasMethod(value: unknown, name: PropertyKey): boolean {
  return (
    typeof value === 'object' && value !== null && typeof Reflect.get(value, name) === 'function'
  )
}

/** Whether anything was ever read from a stream, be it a web stream or one of Node's. */
export function isDisturbed(stream: object): boolean {
  return Readable.isDisturbed(stream as unknown as NodeJS.ReadableStream)
}

/** The window of any buffer source; `undefined` for what is none. */
export function viewBytes(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value
  if (ArrayBuffer.isView(value))
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  return isAnyArrayBuffer(value) ? new Uint8Array(value) : undefined
}

/** Whether a value is a buffer source, of this realm or another. */
export function isBytes(value: unknown): boolean {
  return ArrayBuffer.isView(value) || isAnyArrayBuffer(value)
}

/** One array with the bytes of all of them; the array itself if there is but one. */
export function joinBytes(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length <= 1) return chunks[0] ?? EMPTY
  return Buffer.concat(chunks)
}
