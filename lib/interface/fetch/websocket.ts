import type { Exchange, HeaderBlock, Socket, SocketReceiver } from '../../bridge/exchange.ts'
import { encodeHeader } from '../../bridge/header-block.ts'
import { MonodonError } from '../../errors.ts'

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

/** Its type has no constructor to inherit from. */
const PlatformMessageEvent = MessageEvent as unknown as new (
  type: string,
  init: { readonly data: unknown },
) => MessageEvent

/** A message: `data` is a string, or an `ArrayBuffer` or `Blob` by the socket's `binaryType`. */
class SocketMessageEvent extends PlatformMessageEvent {
  readonly #socket: ServerWebSocket

  constructor(data: unknown, socket: ServerWebSocket) {
    super('message', { data })
    this.#socket = socket
  }

  // Handlers such as `onmessage` are called without a dispatch, which would set them.
  override get target(): ServerWebSocket {
    return this.#socket
  }

  override get currentTarget(): ServerWebSocket {
    return this.#socket
  }
}

/** The end of a WebSocket. The platform has such a class from Node 23 on only. */
export class SocketCloseEvent extends Event {
  /** As the client gave it; 1005 if it gave none, 1006 without a closing handshake. */
  readonly code: number
  readonly reason: string
  /** True after a closing handshake. */
  readonly wasClean: boolean

  constructor(code: number, reason: string) {
    super('close')
    this.code = code
    this.reason = reason
    this.wasClean = code !== ABNORMAL
  }
}

/** The close code of a connection that has ended without a close frame. */
const ABNORMAL = 1006

/** What a `ServerWebSocket` needs to know of where it runs. */
export interface SocketSetup {
  readonly url: string
  /** The subprotocol that was agreed on; `''` for none. */
  readonly protocol: string
  /** Bytes that may wait for the client (`--limit-websocket-backlog`). */
  readonly backlog: number
  /** Logs what a handler of the app has thrown. */
  report(error: unknown): void
}

/**
 * The server's end of a WebSocket, with the interface of the standard's `WebSocket`
 * (https://websockets.spec.whatwg.org/). It opens when the response that belongs to it is sent.
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
  /** Somebody has added a listener: events have to be dispatched. */
  #isListenedTo = false

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

  /** Bytes of messages that were sent and that the client's connection has not taken. */
  get bufferedAmount(): number {
    return this.#socket?.buffered ?? 0
  }

  /**
   * Sends a message. A string is sent as text, all else as binary; bytes are copied at once.
   *
   * @throws DOMException `InvalidStateError` before the socket has opened. Once it is closing, or
   * closed, a message is dropped, as in the standard.
   */
  send(data: string | ArrayBufferLike | ArrayBufferView | Blob): void {
    if (this.#state === CONNECTING)
      throw new DOMException('the WebSocket has not opened', 'InvalidStateError')
    if (this.#state !== OPEN) return
    if (typeof data === 'string') this.#socket!.send(data)
    else if (data instanceof Blob) void this.#sendBlob(data)
    else if (ArrayBuffer.isView(data))
      this.#socket!.send(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    else if (isBuffer(data)) this.#socket!.send(new Uint8Array(data))
    else this.#socket!.send(String(data))
    if (this.#socket!.buffered > this.#setup.backlog) this.#overflow()
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
    if (Buffer.byteLength(reason) > REASON_BYTES)
      throw new DOMException(`a reason has at most ${REASON_BYTES} bytes`, 'SyntaxError')
    if (this.#state >= CLOSING) return
    this.#state = CLOSING
    this.#socket?.close(code ?? (reason === '' ? 0 : 1000), reason)
  }

  /** Ends the connection at once, without a closing handshake. */
  terminate(): void {
    if (this.#state === CLOSED) return
    this.#socket?.cut()
    this.#ended(ABNORMAL, '')
  }

  override addEventListener(...args: Parameters<EventTarget['addEventListener']>): void {
    this.#isListenedTo = true
    super.addEventListener(...args)
  }

  /** Opens it on `exchange`, with further fields of the answer. */
  static open(socket: ServerWebSocket, exchange: Exchange, fields: HeaderBlock): void {
    const { protocol } = socket
    const block =
      protocol === '' ? fields : fields + encodeHeader('sec-websocket-protocol', protocol)
    const accepted = exchange.accept(block, socket.#receiver())
    socket.#socket = accepted
    // Only now can the app have set all its handlers.
    queueMicrotask(() => (accepted === undefined ? socket.#ended(ABNORMAL, '') : socket.#opened()))
  }

  #receiver(): SocketReceiver {
    return {
      message: (data) => {
        if (this.#state !== OPEN) return
        const event = new SocketMessageEvent(
          typeof data === 'string' ? data : this.#binary(data),
          this,
        )
        this.#emit(this.onmessage, event)
      },
      closed: (code, reason) => this.#ended(code, reason),
    }
  }

  #binary(bytes: Uint8Array): ArrayBuffer | Blob {
    if (this.binaryType === 'blob') return new Blob([bytes as Uint8Array<ArrayBuffer>])
    const { buffer } = bytes as Uint8Array<ArrayBuffer>
    return buffer.byteLength === bytes.byteLength ? buffer : new Uint8Array(bytes).buffer
  }

  #opened(): void {
    if (this.#state === CLOSING) this.#socket?.close(1000, '')
    if (this.#state !== CONNECTING) return
    this.#state = OPEN
    this.#emit(this.onopen, new Event('open'))
  }

  #ended(code: number, reason: string): void {
    if (this.#state === CLOSED) return
    this.#state = CLOSED
    if (code === ABNORMAL) this.#emit(this.onerror, new Event('error'))
    this.#emit(this.onclose, new SocketCloseEvent(code, reason))
  }

  #emit<E extends Event>(handler: Handler<E>, event: E): void {
    try {
      handler?.call(this, event)
    } catch (error) {
      this.#setup.report(error)
    }
    if (this.#isListenedTo) this.dispatchEvent(event)
  }

  async #sendBlob(blob: Blob): Promise<void> {
    const bytes = new Uint8Array(await blob.arrayBuffer())
    if (this.#state === OPEN) this.#socket!.send(bytes)
  }

  #overflow(): void {
    const detail = `${this.#socket!.buffered} bytes wait for a client of ${this.url}`
    this.#setup.report(new MonodonError('MONODON_WEBSOCKET_BACKLOG', { detail }))
    this.terminate()
  }
}

/** RFC 6455 section 7.4 and IANA's registry: the codes that a close frame may carry. */
function mayBeSent(code: number): boolean {
  if (!Number.isInteger(code)) return false
  return (
    (code >= 1000 && code <= 1003) ||
    (code >= 1007 && code <= 1014) ||
    (code >= 3000 && code <= 4999)
  )
}

function isBuffer(data: unknown): data is ArrayBufferLike {
  return (
    data instanceof ArrayBuffer ||
    (typeof SharedArrayBuffer !== 'undefined' && data instanceof SharedArrayBuffer)
  )
}
