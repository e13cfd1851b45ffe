import type { Exchange } from '../../bridge/exchange.ts'
import { LEND_BYTES } from '../../bridge/layout.ts'
import { MonodonError } from '../../errors.ts'
import { logError } from '../../log.ts'
import type { InterfaceContext } from '../interface.ts'
import { partOf } from '../opened-file.ts'
import { Body, closeMethod, isPromiseLike, type Step, toData } from './body.ts'
import { FileBody } from './file-wrapper.ts'
import { encodeFields, type Fields, type Head, lengthField, responseHead } from './head.ts'
import type { Chunk, StartResponse } from './types.ts'

/** How long one body may hold the thread before other requests have their turn. */
const TURN_MS = 2

/** One call of the app: from the environ to the end of its response. */
export class Call {
  readonly exchange: Exchange
  private readonly context: InterfaceContext
  private readonly isHead: boolean
  /** What `startResponse` was last given. */
  private head: Head | undefined = undefined
  /** True once a chunk that is not empty has come: the head can no longer be replaced. */
  private isHeadFinal = false
  /** A first chunk that waits to see whether it is the whole body; never while the thread is left. */
  private held: string | Uint8Array | undefined = undefined
  /** Bytes of the body so far; counted only against a declared length. */
  private length = 0
  private isTooLong = false
  private body: Body | undefined = undefined
  private abortController: AbortController | undefined = undefined

  constructor(exchange: Exchange, context: InterfaceContext) {
    this.exchange = exchange
    this.context = context
    this.isHead = exchange.method === 'HEAD'
  }

  // -- what the app calls

  readonly startResponse: StartResponse = (status, fields, excInfo) => {
    if (excInfo !== undefined && excInfo !== null) {
      if (this.isHeadFinal) throw excInfo
    } else if (this.head !== undefined) throw new MonodonError('MONODON_APP_STARTED_TWICE')
    this.head = responseHead(status, fields)
    return (chunk) => this.write(chunk)
  }

  readonly earlyHints = (fields: Fields): void => {
    const block = encodeFields(fields)
    if (!this.exchange.started && !this.exchange.finished) this.exchange.informational(103, block)
  }

  private write(chunk: Chunk): Promise<void> | undefined {
    const data = toData(chunk)
    if (this.exchange.aborted) return undefined
    if (this.exchange.finished) throw new MonodonError('MONODON_APP_WRITE_ENDED')
    this.flushHeld()
    // The app may use its memory again as soon as this returns, so a large chunk is not lent.
    const isLent = typeof data !== 'string' && data.length >= LEND_BYTES
    return this.transmit(isLent ? new Uint8Array(data) : data) ? undefined : this.exchange.drained()
  }

  /** `monodon.signal`. */
  get signal(): AbortSignal {
    if (this.abortController === undefined) {
      this.abortController = new AbortController()
      if (this.exchange.aborted) this.abortController.abort()
      else this.watchClient()
    }
    return this.abortController.signal
  }

  // -- what the app returned

  /** Answers with the body that the app returned. Never throws. */
  send(source: unknown): void {
    try {
      if (this.exchange.aborted) this.closeBody(new Body(source))
      else if (typeof source === 'string') this.sendOne(source)
      else if (isShort(source)) this.sendOne(source.length === 0 ? '' : source[0])
      else this.sendBody(new Body(source))
    } catch (error) {
      this.fail(error)
    }
  }

  /** The app has failed: the client gets a 500, or sees the response cut. */
  fail(error: unknown): void {
    // What was yielded before the error counts as sent, as it would without holding it back.
    if (!this.exchange.aborted) this.flushHeld()
    this.exchange.fail(error)
  }

  /** The body is known at once: no iterator, no promise. */
  private sendOne(chunk: unknown): void {
    const data = toData(chunk)
    if (data.length === 0) this.finish()
    else if (this.isHeadFinal) {
      this.transmit(data)
      this.finish()
    } else this.respond(data)
  }

  private sendBody(body: Body): void {
    this.body = body
    void this.stream(body)
  }

  /** Runs without a break when the body is synchronous and nothing makes it wait. */
  private async stream(body: Body): Promise<void> {
    try {
      const isSent = body.source instanceof FileBody && (await this.sendFile(body.source))
      while (!isSent && !body.isDone && !this.exchange.aborted) {
        const pause = body.isAsync ? this.readNext(body) : this.readOn(body)
        if (pause === undefined) continue
        this.watchClient()
        await pause
      }
      if (!isSent && !this.exchange.aborted) this.finish()
    } catch (error) {
      this.fail(error)
    }
    this.closeBody(body)
  }

  /** Hands a file to native code, from where it stands; false if it has to be read. */
  private async sendFile(file: FileBody): Promise<boolean> {
    if (this.head === undefined || this.isHeadFinal || !this.head.hasBody) return false
    this.watchClient()
    const opened = await file.opened()
    const { exchange, head } = this
    if (opened === undefined || exchange.finished) return false
    const part = partOf(opened, exchange)
    if (part === undefined) return false
    const { status, contentLength } = head
    if (part.length < contentLength) {
      this.length = part.length
      throw this.wrongLength(head)
    }
    const length = contentLength === -1 ? part.length : contentLength
    const block =
      contentLength === -1 ? head.block + lengthField(status, String(length)) : head.block
    if (this.isHead || length === 0) exchange.respond(status, block, '')
    else if (!exchange.respondFile(status, block, part.descriptor, part.offset, length))
      return false
    this.isHeadFinal = true
    return true
  }

  /** Reads a synchronous body up to its end, or until it has to wait for what is returned. */
  private readOn(body: Body): Promise<void> | undefined {
    const turnEnds = performance.now() + TURN_MS
    let pause: Promise<void> | undefined
    while (!body.isDone && pause === undefined) {
      pause = this.accept(body.next() as Step, body)
      if (pause === undefined && performance.now() > turnEnds) pause = nextTurn()
    }
    if (pause !== undefined) this.flushHeld()
    return pause
  }

  private async readNext(body: Body): Promise<void> {
    const turnEnds = performance.now() + TURN_MS
    const step = await body.next()
    if (this.exchange.aborted) return
    const pause = this.accept(step, body)
    if (pause !== undefined) await pause
    // An asynchronous body need not wait for anything either.
    else if (!body.isDone && performance.now() > turnEnds) await nextTurn()
  }

  /** Takes one chunk, or the end; gives what to wait for before the next is asked for. */
  private accept(step: Step, body: Body): Promise<void> | undefined {
    if (step.done) {
      body.isDone = true
      return undefined
    }
    const data = toData(step.value)
    if (this.canHold(data, body)) {
      this.isHeadFinal = true
      this.held = typeof data === 'string' ? data : new Uint8Array(data)
      return undefined
    }
    this.flushHeld()
    const hasRoom = this.transmit(data)
    body.isDone = this.isComplete
    return this.room(hasRoom)
  }

  /**
   * A first chunk of a synchronous body is small enough to keep until the next step shows whether
   * it was the only one, which gives the response a length (PEP 3333, "Handling the Content-Length
   * Header").
   */
  private canHold(data: string | Uint8Array, body: Body): boolean {
    if (this.isHeadFinal || body.isAsync || data.length === 0 || data.length >= LEND_BYTES)
      return false
    return this.head !== undefined && this.head.contentLength === -1 && !this.isBodiless(this.head)
  }

  /** What has to come before the next chunk: lent memory given back, and room to write. */
  private room(hasRoom: boolean): Promise<void> | undefined {
    const released = this.exchange.released()
    if (released === undefined) return hasRoom ? undefined : this.exchange.drained()
    return hasRoom ? released : released.then(() => this.exchange.drained())
  }

  // -- what the exchange gets

  private flushHeld(): void {
    const held = this.held
    if (held === undefined) return
    this.held = undefined
    this.transmit(held)
  }

  /** Adds a chunk to the response, which it begins. False when too much is waiting. */
  private transmit(data: string | Uint8Array): boolean {
    if (data.length === 0) return true
    const { exchange } = this
    const head = this.startedHead()
    this.isHeadFinal = true
    if (this.isBodiless(head)) return true
    const allowed = this.limit(data, head)
    if (!exchange.started) exchange.start(head.status, head.block)
    return allowed.length === 0 || exchange.write(allowed)
  }

  /** A response whose only chunk is known. */
  private respond(data: string | Uint8Array): void {
    const head = this.startedHead()
    if (!head.hasBody) this.finishBodiless(head)
    // Of a chunk of a response to HEAD only the length is used.
    else if (this.isHead) this.exchange.respond(head.status, head.block, data)
    else {
      const allowed = this.limit(data, head)
      if (this.length < head.contentLength) throw this.wrongLength(head)
      this.exchange.respond(head.status, head.block, allowed)
    }
  }

  /** The body has ended. */
  private finish(): void {
    const { exchange, held } = this
    const head = this.startedHead()
    this.held = undefined
    if (held !== undefined) this.respond(held)
    else if (this.isBodiless(head)) this.finishBodiless(head)
    else if (this.length < head.contentLength) throw this.wrongLength(head)
    else if (exchange.started) exchange.end()
    else exchange.respond(head.status, head.block, '')
  }

  /** Ends a response without a body, whose length is unknown unless the app has declared it. */
  private finishBodiless(head: Head): void {
    const { exchange } = this
    if (head.contentLength !== -1 || head.status === 204)
      exchange.respond(head.status, head.block, '')
    else {
      exchange.start(head.status, head.block)
      exchange.end()
    }
  }

  private startedHead(): Head {
    if (this.head === undefined) throw new MonodonError('MONODON_APP_NOT_STARTED')
    return this.head
  }

  private isBodiless(head: Head): boolean {
    return !head.hasBody || this.isHead
  }

  /** True when nothing more of the body can be sent, so that no more of it is asked for. */
  private get isComplete(): boolean {
    const head = this.head
    if (head === undefined) return false
    return this.isBodiless(head) || (head.contentLength !== -1 && this.length >= head.contentLength)
  }

  // -- the declared length

  /** Cuts a chunk to what the declared length leaves. */
  private limit(data: string | Uint8Array, head: Head): string | Uint8Array {
    if (head.contentLength === -1) return data
    const room = Math.max(0, head.contentLength - this.length)
    const size = typeof data === 'string' ? Buffer.byteLength(data) : data.length
    this.length += size
    if (size <= room) return data
    this.reportTooLong(head)
    return (typeof data === 'string' ? Buffer.from(data) : data).subarray(0, room)
  }

  private reportTooLong(head: Head): void {
    // A part of a file is sent that way (PEP 3333, "Optional Platform-Specific File Handling").
    if (this.isTooLong || this.body?.source instanceof FileBody) return
    this.isTooLong = true
    logError(this.wrongLength(head), { method: this.exchange.method, target: this.exchange.target })
  }

  private wrongLength(head: Head): MonodonError {
    const more = this.isTooLong ? 'at least ' : ''
    const detail = `declared ${head.contentLength} bytes, gave ${more}${this.length}`
    return new MonodonError('MONODON_CONTENT_LENGTH_MISMATCH', { detail })
  }

  // -- the end

  private watchClient(): void {
    this.exchange.onAbort ??= () => {
      this.abortController?.abort()
      if (this.body !== undefined) this.closeBody(this.body)
    }
  }

  /** Closes the body; the worker lives until that is done, and an error of it is logged. */
  private closeBody(body: Body): void {
    if (body.isClosing) return
    body.isClosing = true
    const released = this.exchange.released()
    const closing = released === undefined ? tryClose(body) : released.then(() => body.close())
    if (isPromiseLike(closing)) this.context.waitUntil(Promise.resolve(closing))
  }
}

function tryClose(body: Body): unknown {
  try {
    return body.close()
  } catch (error) {
    return Promise.reject(error)
  }
}

/** A body of at most one chunk that needs no closing. */
function isShort(source: unknown): source is readonly unknown[] {
  return Array.isArray(source) && source.length <= 1 && closeMethod(source) === undefined
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
