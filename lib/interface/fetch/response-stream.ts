import type { Exchange, HeaderBlock } from '../../bridge/exchange.ts'
import { clientGone, watchAbort } from './abort.ts'
import { deliver } from './request-body.ts'
import { hasMethod, isAsyncIterable, isStream, joinBytes, viewBytes } from './streams.ts'

/** Where the chunks of a response come from. */
export interface ChunkSource {
  next(): Promise<{ done?: boolean | undefined; value?: unknown }>
  /** Nothing more is wanted. */
  cancel(reason: unknown): Promise<unknown>
  /** The app may use a chunk's memory again as soon as it is asked for the next one. */
  readonly reusesChunks: boolean
}

/**
 * The chunks of a stream. A stream's chunks are never used again: what is enqueued in a byte stream
 * is transferred, and in any other stream several chunks may lie in its queue at once.
 */
function fromStream(stream: ReadableStream): ChunkSource {
  const reader = stream.getReader()
  return {
    next: () => reader.read(),
    cancel: (reason) => reader.cancel(reason),
    reusesChunks: false,
  }
}

/** The chunks of an async iterable. A generator may fill the same array for each `yield`. */
export function fromIterable(iterable: AsyncIterable<unknown>): ChunkSource {
  const iterator = iterable[Symbol.asyncIterator]()
  return {
    next: () => iterator.next(),
    cancel: async () => {
      const returned = iterator.return?.()
      // The iterator of a stream of Node does not know its stream before it was asked for a chunk.
      if (hasMethod(iterable, 'destroy')) (iterable as unknown as Destroyable).destroy()
      return returned
    },
    reusesChunks: true,
  }
}

interface Destroyable {
  destroy(): unknown
}

/** Where the chunks of a body come from; `undefined` for what is no stream, or one in use. */
export function chunksOf(body: unknown): ChunkSource | undefined {
  if (isStream(body)) return body.locked ? undefined : fromStream(body)
  return isAsyncIterable(body) ? fromIterable(body) : undefined
}

/** A byte stream of chunks, which are copied: a generator may use its memory again. */
export function streamOf(source: ChunkSource): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    type: 'bytes',
    async pull(controller) {
      let bytes: Uint8Array<ArrayBuffer> | null
      do bytes = await nextBytes(source)
      while (bytes?.length === 0)
      deliver(controller, bytes)
    },
    cancel: async (reason) => void (await source.cancel(reason)),
  })
}

async function nextBytes(source: ChunkSource): Promise<Uint8Array<ArrayBuffer> | null> {
  const { done, value } = await source.next()
  if (done) return null
  const chunk = bytesOf(value)
  return typeof chunk === 'string' ? new TextEncoder().encode(chunk) : new Uint8Array(chunk)
}

/**
 * The chunks of a form, whose stream must not be cancelled on Node 24, as that of no iterable. There
 * is nothing to let go of: what it reads are Blobs.
 */
export function fromForm(stream: ReadableStream): ChunkSource {
  return { ...fromStream(stream), cancel: async () => undefined }
}

/** Lets go of a body that will not be sent: files may be open behind it. */
export function discard(body: unknown, reason: unknown): void {
  const source = chunksOf(body)
  if (source !== undefined) cancel(source, reason)
}

/**
 * Answers with chunks as they come. It never rejects: what goes wrong ends in `exchange.fail`, and
 * the source is cancelled then and when the client leaves.
 */
export async function sendChunks(
  exchange: Exchange,
  status: number,
  block: HeaderBlock,
  source: ChunkSource,
): Promise<void> {
  if (exchange.aborted) return cancel(source, clientGone())
  watchAbort(exchange, () => cancel(source, clientGone()))
  try {
    await pump(exchange, status, block, source)
  } catch (error) {
    if (exchange.finished) return
    exchange.fail(error)
    cancel(source, error)
  }
}

async function pump(
  exchange: Exchange,
  status: number,
  block: HeaderBlock,
  source: ChunkSource,
): Promise<void> {
  const isHead = exchange.method === 'HEAD'
  // A generator has not begun before it is asked for its first chunk, and need not begin for HEAD.
  const ready = isHead && source.reusesChunks ? NOTHING_READY : await readReady(source)
  if (exchange.finished) return
  if (ready.done) return exchange.respond(status, block, joinBytes(ready.chunks))
  exchange.start(status, block)
  if (isHead) cancel(source, undefined)
  else await writeAll(exchange, source, ready)
  if (!exchange.finished) exchange.end()
}

async function writeAll(exchange: Exchange, source: ChunkSource, ready: Ready): Promise<void> {
  for (const chunk of ready.chunks) await write(exchange, chunk, source)
  let result = await (ready.next ?? source.next())
  while (!result.done && !exchange.finished) {
    await write(exchange, bytesOf(result.value), source)
    result = await source.next()
  }
}

/** Resolves when the source may be asked for more. */
async function write(
  exchange: Exchange,
  chunk: string | Uint8Array,
  source: ChunkSource,
): Promise<void> {
  if (chunk.length > 0 && !exchange.write(chunk)) await exchange.drained()
  if (source.reusesChunks) await exchange.released()
}

/** What could be read of a body without waiting. */
interface Ready {
  readonly chunks: readonly Uint8Array[]
  /** The read that is pending, if any. */
  readonly next: ReturnType<ChunkSource['next']> | undefined
  /** The chunks are the whole body. */
  readonly done: boolean
}

const NOTHING_READY: Ready = { chunks: [], next: undefined, done: false }

/**
 * Reads what a stream has at hand: many a stream is but a string in another form (the platform's own
 * `Response` bodies are), and is sent whole, with its length. A stream that has to wait for
 * something is not waited for: its head goes out at once. What fails at once is answered as such.
 */
async function readReady(source: ChunkSource): Promise<Ready> {
  const chunks: Uint8Array[] = []
  // What a generator yields may change while the next is read.
  const most = source.reusesChunks ? 1 : MAX_READY_CHUNKS
  // Joining chunks costs a copy; a single one costs nothing, however large.
  for (let bytes = 0; chunks.length < most && (chunks.length < 2 || bytes <= MAX_READY_BYTES); ) {
    const next = source.next()
    const result = await settledSoon(next)
    if (result === undefined) return { chunks, next, done: false }
    if (result.done) return { chunks, next: undefined, done: true }
    const chunk = bytesOf(result.value)
    chunks.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
    bytes += chunk.length
  }
  return { chunks, next: undefined, done: false }
}

const MAX_READY_BYTES = 65_536
const MAX_READY_CHUNKS = 8
/** Turns of the microtask queue within which a stream that waits for nothing has settled a read. */
const READY_TURNS = 8

/** The value of a promise that settles within a few microtasks; a rejection is left to the caller. */
async function settledSoon<T>(promise: Promise<T>): Promise<T | undefined> {
  let value: T | undefined
  let failed = false
  promise.then(
    (result) => {
      value = result
    },
    () => {
      failed = true
    },
  )
  for (let turn = 0; turn < READY_TURNS && value === undefined && !failed; turn++) await undefined
  return failed ? promise : value
}

/** The bytes of a chunk; a string, which is sent as UTF-8, as it is. */
function bytesOf(chunk: unknown): string | Uint8Array {
  if (typeof chunk === 'string' || chunk instanceof Uint8Array) return chunk
  const bytes = viewBytes(chunk)
  if (bytes === undefined)
    throw new TypeError(`a chunk of a response body is bytes or a string, not ${typeof chunk}`)
  return bytes
}

function cancel(source: ChunkSource, reason: unknown): void {
  // What the app's own clean-up throws has nobody to go to: the response is over.
  source.cancel(reason).catch(() => {})
}
