import { Readable } from 'node:stream'

const EMPTY = new Uint8Array(0)

/** Whether a value is a web stream, of this realm or another. */
export function isStream(value: unknown): value is ReadableStream {
  return hasMethod(value, 'getReader')
}

export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return hasMethod(value, Symbol.asyncIterator)
}

function hasMethod(value: unknown, name: PropertyKey): boolean {
  return (
    typeof value === 'object' && value !== null && typeof Reflect.get(value, name) === 'function'
  )
}

/** Whether anything was ever read from a stream. */
export function isDisturbed(stream: ReadableStream): boolean {
  // Typed for Node's streams only; it knows web streams too.
  return Readable.isDisturbed(stream as unknown as NodeJS.ReadableStream)
}

/** The window of any buffer source; `undefined` for what is none. */
export function viewBytes(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value
  if (ArrayBuffer.isView(value))
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  return value instanceof ArrayBuffer ? new Uint8Array(value) : undefined
}

/** One array with the bytes of all of them; the array itself if there is but one. */
export function joinBytes(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length <= 1) return chunks[0] ?? EMPTY
  return Buffer.concat(chunks)
}
