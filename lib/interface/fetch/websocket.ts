import {
  CLOSE_CODES,
  type Exchange,
  type HeaderBlock,
  type Socket,
  type SocketReceiver,
} from '../../bridge/exchange.ts'
import { encodeHeader } from '../../bridge/header-block.ts'
import { MonodonError } from '../../errors.ts'
import { SocketCloseEvent, SocketMessage } from './socket-events.ts'

/** https://websockets.spec.whatwg.org/#dom-websocket-readystate */
const CONNECTING = 0
const OPEN = 1
const CLOSING = 2
const CLOSED = 3
type ReadyState = typeof CONNECTING | typeof OPEN | typeof CLOSING | typeof CLOSED

/** Bytes of a close frame's reason, at most (RFC 6455 section 5.5). */
const REASON_BYTES = 123

type BinaryType = 'arraybuffer' | 'blob'
type Handler<E> = ((this: ServerWebSocket, event: E) => unknown) | null
type Listener = NonNullable<Parameters<EventTarget['addEventListener']>[1]>
type Data = string | ArrayBufferLike | ArrayBufferView | Blob

/** What a `ServerWebSocket` needs to know of where it runs. */
export interface SocketSetup {
  readonly url: string
  /** The subprotocol that was agreed on; `''` for none. */
  readonly protocol: string
  /** Bytes that may wait for the client (`--limit-websocket-backlog`). */
  readonly backlog: number
  /** Keeps the worker alive until `promise` settles; a rejection is logged. */
  waitUntil(promise: Promise<unknown>): void
}

/**
 * The server's end of a WebSocket, with the interface of the standard's `WebSocket`
 * (https://websockets.spec.whatwg.org/). It opens when the response that belongs to it is sent.
 *
 * What a handler or listener throws, or its promise is rejected with, is logged; the socket goes on.
 */
export class ServerWebSocket extends EventTarget {
  static readonly CONNECTING = CONNECTING
  static readonly OPEN = OPEN
  static readonly CLOSING = CLOSING
  static readonly CLOSED = CLOSED

  onopen: Handler<Event> = null
  onmessage: Handler<MessageEvent> = null
  onclose: Handler<SocketCloseEvent> = null
  /** Called before `onclose` when the connection has ended without a closing handshake. */
  onerror: Handler<Event> = null
  /** What binary messages come as. */
  binaryType: BinaryType = 'arraybuffer'

  readonly #setup: SocketSetup
  #state: ReadyState = CONNECTING
  #socket: Socket | undefined = undefined
  /** `close` was called before it has opened. */
  #closing: readonly [code: number, reason: string] | undefined = undefined
  /** Somebody has added a listener for messages: they have to be dispatched. */
  #isListenedTo = false
  /** More waits for the client than may. */
  #overflows = false
  /** The end of the queue behind a `Blob` whose bytes are being read. */
  #queue: Promise<void> | undefined = undefined
  /** Bytes in that queue. */
  #queued = 0

  constructor(setup: SocketSetup) {
    super()
    this.#setup = setup
  }

  get url(): string {
    return this.#setup.url
  }

  get protocol(): string {
    return this.#setup.protocol
  }

  /** Extensions are native code's: what was agreed on is not told. */
  get extensions(): string {
    return ''
  }

  get readyState(): ReadyState {
    return this.#state
  }

  get CONNECTING(): typeof CONNECTING {
    return CONNECTING
  }

  get OPEN(): typeof OPEN {
    return OPEN
  }

  get CLOSING(): typeof CLOSING {
    return CLOSING
  }

  get CLOSED(): typeof CLOSED {
    return CLOSED
  }

  /**
   * Bytes of messages that were sent and that the client's connection has not taken. Less than 64 KiB
   * counts as taken.
   */
  get bufferedAmount(): number {
    return (this.#socket?.buffered ?? 0) + this.#queued
  }

  /**
   * Sends a message. A string is sent as text, all else as binary; bytes are copied at once.
   *
   * @throws DOMException `InvalidStateError` before the socket has opened. Once it is closing, or
   * closed, a message is dropped, as in the standard.
   */
  send(data: Data): void {
    if (this.#state === CONNECTING)
      throw new DOMException('the WebSocket has not opened', 'InvalidStateError')
    if (this.#state !== OPEN) return
    if (typeof data === 'string' && this.#queue === undefined) this.#socket!.send(data)
    else if (data instanceof Blob) this.#sendBlob(data)
    else if (this.#queue === undefined) this.#socket!.send(messageOf(data))
    else this.#sendBehind(messageOf(data))
    if (this.bufferedAmount > this.#setup.backlog) this.#overflow()
  }

  /**
   * Begins the closing handshake, behind the messages that were sent before.
   *
   * @param code 1000 or 3000 to 4999, or another that the protocol lets a server send (1001 to 1003,
   * 1007 to 1014)
   * @param reason at most 123 bytes of UTF-8
   * @throws DOMException `InvalidAccessError` for another code, `SyntaxError` for a longer reason
   */
  close(code?: number, reason = ''): void {
    if (code !== undefined && !mayBeSent(code))
      throw new DOMException(`${code} is not a close code that may be sent`, 'InvalidAccessError')
    const text = String(reason)
    if (Buffer.byteLength(text) > REASON_BYTES)
      throw new DOMException(`a reason has at most ${REASON_BYTES} bytes`, 'SyntaxError')
    if (this.#state >= CLOSING) return
    this.#state = CLOSING
    const spoken = code ?? (text === '' ? 0 : CLOSE_CODES.normal)
    if (this.#socket === undefined) this.#closing = [spoken, text]
    else if (this.#queue === undefined) this.#socket.close(spoken, text)
    else this.#enqueue(0, () => this.#socket!.close(spoken, text))
  }

  /** Ends the connection at once, without a closing handshake. Events follow: `error` and `close`. */
  terminate(): void {
    if (this.#state === CLOSED) return
    this.#socket?.cut(this.#overflows)
    this.#ended(CLOSE_CODES.abnormal, '')
  }

  override addEventListener(
    type: string,
    listener: Listener | null,
    options?: AddEventListenerOptions | boolean,
  ): void {
    if (listener === null || listener === undefined) return
    if (type === 'message') this.#isListenedTo = true
    let guard = guards.get(listener)
    if (guard === undefined) {
      guard = function (this: ServerWebSocket, event: Event): void {
        this.#call(listener, event)
      }
      guards.set(listener, guard)
    }
    super.addEventListener(type, guard as Listener, options)
  }

  override removeEventListener(
    type: string,
    listener: Listener | null,
    options?: EventListenerOptions | boolean,
  ): void {
    const guard = listener && guards.get(listener)
    if (guard) super.removeEventListener(type, guard as Listener, options)
  }

  /** Opens it on `exchange`, with further fields of the answer. */
  static open(socket: ServerWebSocket, exchange: Exchange, fields: HeaderBlock): void {
    const { protocol } = socket
    const block =
      protocol === '' ? fields : fields + encodeHeader('sec-websocket-protocol', protocol)
    const accepted = exchange.accept(block, socket.#receiver())
    socket.#socket = accepted
    if (accepted === undefined) socket.#ended(CLOSE_CODES.abnormal, '')
    else if (socket.#state === CLOSED) accepted.cut(socket.#overflows)
    else if (socket.#closing !== undefined) accepted.close(...socket.#closing)
    // Only then can the app have set all its handlers.
    else queueMicrotask(() => socket.#opened())
  }

  #receiver(): SocketReceiver {
    return {
      message: (data) => this.#received(data),
      closed: (code, reason) => this.#ended(code, reason),
    }
  }

  #received(message: string | Uint8Array): void {
    if (this.#state !== OPEN) return
    const data = typeof message === 'string' ? message : this.#binary(message)
    if (this.#isListenedTo) {
      this.#dispatch(new MessageEvent('message', { data }), this.onmessage)
    } else if (this.onmessage !== null) {
      this.#call(this.onmessage as Listener, new SocketMessage(data, this) as unknown as Event)
    }
  }

  #binary(bytes: Uint8Array): ArrayBuffer | Blob {
    if (this.binaryType === 'blob') return new Blob([bytes as Uint8Array<ArrayBuffer>])
    const { buffer } = bytes as Uint8Array<ArrayBuffer>
    return buffer.byteLength === bytes.byteLength ? buffer : new Uint8Array(bytes).buffer
  }

  #opened(): void {
    if (this.#state !== CONNECTING) return
    this.#state = OPEN
    this.#dispatch(new Event('open'), this.onopen)
  }

  #ended(code: number, reason: string): void {
    if (this.#state === CLOSED) return
    this.#state = CLOSED
    // Not amid what the app does: it may be `send` or `terminate` by which it has ended.
    queueMicrotask(() => {
      if (code === CLOSE_CODES.abnormal) this.#dispatch(new Event('error'), this.onerror)
      this.#dispatch(new SocketCloseEvent(code, reason), this.onclose)
    })
  }

  /** Calls the listeners of an event, and `handler` behind them. */
  #dispatch<E extends Event>(event: E, handler: Handler<E>): void {
    if (handler !== null && handler !== undefined) {
      const guard = (): void => this.#call(handler as Listener, event)
      super.addEventListener(event.type, guard, { once: true })
    }
    this.dispatchEvent(event)
  }

  #call(listener: Listener, event: Event): void {
    try {
      const result: unknown =
        typeof listener === 'function' ? listener.call(this, event) : listener.handleEvent(event)
      if (result instanceof Promise) this.#setup.waitUntil(result)
    } catch (error) {
      this.#report(error)
    }
  }

  #report(error: unknown): void {
    this.#setup.waitUntil(Promise.reject(error))
  }

  #sendBlob(blob: Blob): void {
    this.#enqueue(blob.size, async () => {
      const bytes = new Uint8Array(await blob.arrayBuffer())
      this.#socket!.send(bytes)
    })
  }

  #sendBehind(message: string | Uint8Array): void {
    const kept = typeof message === 'string' ? message : new Uint8Array(message)
    this.#enqueue(kept.length, () => this.#socket!.send(kept))
  }

  /** Does `step` behind the steps before; `bytes` are sent by it. */
  #enqueue(bytes: number, step: () => void | Promise<void>): void {
    this.#queued += bytes
    const turn = async (): Promise<void> => {
      try {
        if (this.#state !== CLOSED) await step()
      } catch (error) {
        this.#report(error)
      }
      this.#queued -= bytes
      if (this.#queue === end) this.#queue = undefined
    }
    const end: Promise<void> = (this.#queue ?? Promise.resolve()).then(turn)
    this.#queue = end
  }

  #overflow(): void {
    const detail = `${this.bufferedAmount} bytes wait for a client of ${this.url}`
    this.#report(new MonodonError('MONODON_WEBSOCKET_BACKLOG', { detail }))
    this.#overflows = true
    this.terminate()
  }
}

/**
 * What is registered in the place of a listener: the platform would end the process for what a
 * listener throws.
 */
const guards = new WeakMap<object, (this: ServerWebSocket, event: Event) => void>()

/** RFC 6455 section 7.4 and IANA's registry: the codes that a close frame may carry. */
function mayBeSent(code: number): boolean {
  if (!Number.isInteger(code)) return false
  return (
    (code >= 1000 && code <= 1003) ||
    (code >= 1007 && code <= 1014) ||
    (code >= 3000 && code <= 4999)
  )
}

/** What is sent for a value: bytes as they are, all else as text. */
function messageOf(data: Exclude<Data, Blob>): string | Uint8Array {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return isBuffer(data) ? new Uint8Array(data) : String(data)
}

function isBuffer(data: unknown): data is ArrayBufferLike {
  return (
    data instanceof ArrayBuffer ||
    (typeof SharedArrayBuffer !== 'undefined' && data instanceof SharedArrayBuffer)
  )
}
