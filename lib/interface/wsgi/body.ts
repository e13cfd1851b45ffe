import { MonodonError } from '../../errors.ts'
import { shown } from './head.ts'
import type { Chunk } from './types.ts'

/** What `next` of an iterator gives. */
export type Step = IteratorResult<Chunk, unknown>

/** The body that an app returned, while it is read: one iterator, closed once. */
export class Body {
  /** What the app returned. */
  readonly source: object
  /** False when `next` gives its results without promises. */
  readonly isAsync: boolean
  private readonly iterator: Iterator<Chunk> | AsyncIterator<Chunk>
  /** True once nothing more is to be read. */
  isDone = false
  /** True once its closing has begun. */
  isClosing = false

  /** @throws MonodonError `MONODON_APP_BAD_BODY` for something that cannot be iterated */
  constructor(source: unknown) {
    if (!isObject(source) || ArrayBuffer.isView(source)) throw badBody(source)
    this.source = source
    this.isAsync = Symbol.asyncIterator in source
    const method: unknown = Reflect.get(
      source,
      this.isAsync ? Symbol.asyncIterator : Symbol.iterator,
    )
    const iterator: unknown = typeof method === 'function' ? method.call(source) : undefined
    if (!isObject(iterator) || !('next' in iterator)) throw badBody(source)
    this.iterator = iterator as Iterator<Chunk> | AsyncIterator<Chunk>
  }

  next(): Step | Promise<Step> {
    return this.iterator.next()
  }

  /** Calls the body's `close`, or else the iterator's `return`. */
  close(): unknown {
    const close = closeMethod(this.source)
    if (close !== undefined) return close.call(this.source)
    return this.iterator.return?.()
  }
}

/** The `close` of a body that has one. */
export function closeMethod(source: object): (() => unknown) | undefined {
  const { close } = source as { close?: unknown }
  return typeof close === 'function' ? (close as () => unknown) : undefined
}

export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return isObject(value) && typeof (value as { then?: unknown }).then === 'function'
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' || typeof value === 'function') && value !== null
}

function badBody(source: unknown): MonodonError {
  return new MonodonError('MONODON_APP_BAD_BODY', { detail: shown(source) })
}

/** Bytes of an app's chunk, which is a string or bytes from here on. */
export function toData(chunk: unknown): string | Uint8Array {
  if (typeof chunk === 'string' || chunk instanceof Uint8Array) return chunk
  if (ArrayBuffer.isView(chunk))
    return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  throw new MonodonError('MONODON_APP_BAD_CHUNK', { detail: shown(chunk) })
}
