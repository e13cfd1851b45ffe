import { MonodonError } from '../errors.ts'
import type { Handle } from '../interface/interface.ts'
import { logError } from '../log.ts'
import { isHeard, published } from './diagnostics.ts'
import { CLOSE_CODES, type Explain } from './exchange.ts'
import { blockEntries, headBytes } from './head.ts'
import type { Dismissal, Home } from './home.ts'
import { BATCH_RECORDS, BODY_FAULTS, FLAG, KIND, REQUEST } from './layout.ts'
import { LiveExchange } from './live-exchange.ts'
import { type NodeBuffer, nodeBuffer } from './node-buffer.ts'
import { Outbox } from './outbox.ts'
import { PacedExchange } from './paced-exchange.ts'
import type { Attach, Port } from './port.ts'
import { countChunk } from './scavenger.ts'

/** Work of one batch, in milliseconds: requests behind a slow one wait for it. */
const BATCH_MS = 0.5
/** An answer waits this long, in milliseconds, for its neighbours in the batch. */
const SUBMIT_MS = 0.2
/** Calls above this mean, in milliseconds, can make an answer wait too long within a batch. */
const SLOW_MEAN_MS = SUBMIT_MS / BATCH_RECORDS
/** A batch that took this long, in milliseconds, held back its neighbours: one at a time for a while. */
const BLOCKED_MS = 20
const CAUTION_MS = 1000
/** The event loop gets its turn after this many milliseconds of requests. */
const TURN_MS = 1
/** Weight of the latest batch in the mean. */
const WEIGHT = 0.1
/** The part of an id that is an index; the rest is its generation. */
const PLACE_MASK = 0xfffff
const UNKNOWN_LENGTH = 0xffffffff

/** How many requests a worker is good for. */
export interface Span {
  readonly requests: number
  /** Called once, when it has taken so many. It goes on all the same. */
  onSpent(): void
}

/** Runs one worker: takes requests, calls the interface, submits the answers. */
export class Dispatch implements Home<LiveExchange> {
  readonly outbox: Outbox
  readonly index: number
  readonly explain: Explain | undefined
  dismissal: Dismissal | undefined = undefined
  private handle: Handle
  private readonly port: Port
  private readonly Exchange: typeof LiveExchange
  /** The same, for those that hear of requests; made when the first does. */
  private PublishedExchange: typeof LiveExchange | undefined = undefined
  private readonly bytes: NodeBuffer
  private readonly words: Uint32Array
  /** Exchanges that were not answered before `handle` returned, by the index in their id. */
  private readonly held: (LiveExchange | undefined)[] = []
  private heldCount = 0
  private readonly idleWaiters: (() => void)[] = []
  /** Requests of the next batch, at most. */
  private most = 1
  private isRetired = false
  private meanMs = BATCH_MS
  private cautiousUntil = 0
  private submittedAt = 0
  /** True while the loop runs: it submits by itself. */
  private draining = false
  private flushing = false
  private turnStartedAt = 0
  private readonly span: Span | undefined
  /** Requests until the span is over. */
  private left: number
  /** Called by the event loop: by the doorbell, or when it has had its turn. */
  private readonly drain = (): void => {
    this.turnStartedAt = performance.now()
    this.run(this.turnStartedAt)
  }
  private readonly goOn = (): void => this.run(performance.now())
  private readonly afterMicrotasks = (): void => process.nextTick(this.goOn)
  private readonly flush = (): void => {
    this.flushing = false
    this.outbox.submit()
  }
  private readonly flushAfterMicrotasks = (): void => process.nextTick(this.flush)

  /** Attaches to a server by `attach`, which is given the doorbell, and begins to answer. */
  constructor(
    attach: Attach,
    handle: Handle,
    { explain }: { readonly explain?: Explain | undefined },
    span?: Span,
  ) {
    this.handle = handle
    this.explain = explain
    this.span = span
    this.left = span?.requests ?? Infinity
    this.port = attach(this.drain)
    this.index = this.port.index
    this.Exchange = this.port.lends ? LiveExchange : PacedExchange
    this.bytes = nodeBuffer(this.port.inbound)
    this.words = new Uint32Array(this.port.inbound)
    this.outbox = new Outbox(this.port)
    setImmediate(this.drain)
  }

  /** Exchanges that are not answered yet. */
  get pending(): number {
    return this.heldCount
  }

  /** Answers requests by another interface from now on. */
  serveBy(handle: Handle): void {
    this.handle = handle
  }

  /** Resolves when no exchange is pending. */
  async whenIdle(): Promise<void> {
    // The rest of a batch may bring new ones before the waiter runs.
    while (this.heldCount > 0)
      await new Promise<void>((resolve) => {
        this.idleWaiters.push(resolve)
      })
  }

  /** Gives up all that is pending: clients without a head get a 500, the others are cut off. */
  failAll(): void {
    this.failHeld()
    // Those of the running batch are held once their calls have returned.
    if (this.draining) process.nextTick(() => this.failHeld())
  }

  /** Closes the connections that were taken over: nothing says when they would end by themselves. */
  cutTunnels(): void {
    this.giveUp(
      (exchange) => exchange.isTunnel,
      (exchange) => exchange.cut(),
    )
  }

  private failHeld(): void {
    this.giveUp(
      () => true,
      (exchange) => exchange.fail(new MonodonError('MONODON_APP_CLOSED')),
    )
  }

  /** Ends what is pending and is `chosen` by `end`; the interface hears of it as of a client that leaves. */
  private giveUp(
    chosen: (exchange: LiveExchange) => boolean,
    end: (exchange: LiveExchange) => void,
  ): void {
    for (const exchange of this.held) {
      if (exchange === undefined || exchange.finished || !chosen(exchange)) continue
      const { onAbort } = exchange
      exchange.onAbort = undefined
      end(exchange)
      onAbort?.()
    }
  }

  /** Takes no more requests: they are the other workers'. What is pending goes on. */
  retire(): void {
    this.isRetired = true
    this.most = 0
    setImmediate(this.drain)
  }

  /** Closes the WebSockets that are open, or open later: their clients are to connect to another worker. */
  closeSockets(...dismissal: Dismissal): void {
    this.dismissal = dismissal
    for (const exchange of this.held) exchange?.socket?.close(...dismissal)
  }

  /** The server has gone: nobody is left to be answered. */
  lose(): void {
    // What came before its end tells how some have ended.
    this.draining = true
    for (let count = this.port.take(0); count > 0; count = this.port.take(0)) this.batch(count)
    this.draining = false
    for (const exchange of this.held) exchange?.abort()
  }

  /** Leaves the server. What is still pending is answered 502. */
  detach(): void {
    this.outbox.submit()
    this.port.detach()
  }

  wrote(): void {
    if (this.draining || this.flushing) return
    this.flushing = true
    // Answers of one turn of the microtask queue go together.
    queueMicrotask(this.flushAfterMicrotasks)
  }

  keep(exchange: LiveExchange): void {
    exchange.kept = true
    this.held[exchange.id & PLACE_MASK] = exchange
    this.heldCount++
  }

  settled(id: number): void {
    this.held[id & PLACE_MASK] = undefined
    this.heldCount--
    if (this.heldCount === 0 && this.idleWaiters.length > 0)
      for (const tell of this.idleWaiters.splice(0)) tell()
  }

  /** Takes batch after batch until there is none, or it is the event loop's turn. */
  private run(from: number): void {
    let now = from
    for (;;) {
      const count = this.port.take(this.most)
      if (count === 0) return
      this.draining = true
      this.submittedAt = now
      this.batch(count)
      this.draining = false
      const before = now
      now = performance.now()
      this.learn(count, now - before, now)
      this.outbox.submit()
      if (now - this.turnStartedAt > TURN_MS) {
        setImmediate(this.drain)
        return
      }
      if (this.heldCount > 0) {
        // Promises settle in microtasks, which run when this function has returned.
        queueMicrotask(this.afterMicrotasks)
        return
      }
    }
  }

  /** Adapts the size of batches to how long the app takes per call. */
  private learn(count: number, took: number, now: number): void {
    if (took > BLOCKED_MS) this.cautiousUntil = now + CAUTION_MS
    this.meanMs += (took / count - this.meanMs) * WEIGHT
    if (this.isRetired) return
    this.most =
      now < this.cautiousUntil
        ? 1
        : Math.max(1, Math.min(BATCH_RECORDS, (BATCH_MS / this.meanMs) | 0))
  }

  private batch(count: number): void {
    const { words } = this
    let word = 0
    let events = 0
    for (let i = 0; i < count; i++) {
      const size = words[word]!
      if ((words[word + 1]! & 0xff) === KIND.request) this.request(word)
      else {
        this.guardedEvent(word)
        events++
      }
      word += size >>> 2
      if (this.meanMs > SLOW_MEAN_MS) this.submitIfDue()
    }
    this.left -= count - events
    if (this.left <= 0) this.spent()
  }

  private spent(): void {
    this.left = Infinity
    this.span?.onSpent()
  }

  private submitIfDue(): void {
    const now = performance.now()
    if (now - this.submittedAt < SUBMIT_MS) return
    this.submittedAt = now
    this.outbox.submit()
    this.port.flush?.()
  }

  private request(word: number): void {
    const { words, bytes } = this
    const textAt = (word + REQUEST.bytes) << 2
    const textEnd = textAt + headBytes(words, word)
    const bodyBytes = words[word + REQUEST.bodyBytes]!
    const Exchange = isHeard() ? this.publishedExchange() : this.Exchange
    const exchange = new Exchange(
      this,
      words[word + 2]!,
      words[word + 1]!,
      words[word + REQUEST.targetAndFields]!,
      words[word + REQUEST.peer]!,
      lengthOf(words[word + REQUEST.lengthLow]!, words[word + REQUEST.lengthHigh]!),
      bytes.latin1Slice(textAt, textEnd),
      bodyBytes === 0 ? undefined : copy(bytes, textEnd, bodyBytes),
    )
    try {
      exchange.answerBy(this.handle)
    } catch (error) {
      exchange.fail(error)
    }
    if (!exchange.finished) this.keep(exchange)
  }

  private publishedExchange(): typeof LiveExchange {
    this.PublishedExchange ??= published(this.Exchange)
    return this.PublishedExchange
  }

  /** What a listener of the app throws must not cost the rest of the batch. */
  private guardedEvent(word: number): void {
    try {
      this.event(word)
    } catch (error) {
      logError(error, { worker: this.index })
    }
  }

  private event(word: number): void {
    const { words, bytes } = this
    const id = words[word + 2]!
    const exchange = this.held[id & PLACE_MASK]
    if (exchange === undefined || exchange.id !== id) return
    const first = words[word + 1]!
    const value = words[word + 3]!
    const at = (word + 4) << 2
    switch (first & 0xff) {
      case KIND.bodyChunk:
        countChunk(value)
        exchange.bodyChunk(copy(bytes, at, value))
        break
      case KIND.bodyEnd:
        exchange.bodyEnd(value === 0 ? [] : blockEntries(bytes.latin1Slice(at, at + value)))
        break
      case KIND.bodyBroken:
        exchange.bodyBroken(BODY_FAULTS[first >>> 16]!)
        if ((first >>> 8) & FLAG.over) exchange.abort()
        break
      case KIND.abort:
        if ((first >>> 8) & FLAG.complete) exchange.complete()
        else exchange.abort()
        break
      case KIND.messageIn:
        exchange.socket?.message((first >>> 8) & 0xff, bytes, at, value)
        break
      case KIND.goingAway:
        exchange.socket?.close(CLOSE_CODES.goingAway, 'the server is going down')
        break
      case KIND.closed:
        exchange.closed(first >>> 16, bytes.utf8Slice(at, at + value))
        break
      case KIND.drain:
        exchange.drain(value)
        break
      case KIND.released:
        exchange.release(value)
        break
    }
  }
}

function lengthOf(low: number, high: number): number {
  if (low === UNKNOWN_LENGTH && high === UNKNOWN_LENGTH) return -1
  return high * 0x1_0000_0000 + low
}

/** Bytes of their own: the batch buffer is used again. */
function copy(bytes: NodeBuffer, at: number, length: number): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes, at, at + length)
}
