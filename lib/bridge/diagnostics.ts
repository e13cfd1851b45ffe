/**
 * The channels of `node:diagnostics_channel` by which code in a worker hears of its requests. Nothing is
 * made for them while nobody subscribes.
 */

import { channel } from 'node:diagnostics_channel'
import type { Handle } from '../interface/interface.ts'
import type { BodyFault, HeaderBlock, Socket, SocketReceiver } from './exchange.ts'
import type { LiveExchange } from './live-exchange.ts'

/**
 * What is published of a request: the same object on each channel, so that it may key a `WeakMap`. Its
 * head is read when it is asked for.
 */
export interface RequestMessage {
  /** The number of the worker that has it. */
  readonly worker: number
  /** As sent: `GET`. */
  readonly method: string
  /** The request target as sent: `/path?query`. */
  readonly target: string
  readonly httpVersion: '1.0' | '1.1' | '2.0'
  /** The client's address, without a port; `''` for a client without one. */
  readonly remoteAddress: string
  /** A field of the request by its name in lower case; several lines are joined by `', '`. */
  header(name: string): string | undefined
  /** That of the response; `undefined` while there is none, and if the client left before. */
  readonly status: number | undefined
  /** What the app has thrown, if it has failed. */
  readonly error: unknown
  /** Whether the client left, or was given up, before the app had ended its response. */
  readonly aborted: boolean
}

/** The app is called, within the stores that are bound to this channel (`bindStore`). */
const START = channel('monodon:request:start')
/** The head of the response was given. */
const RESPONSE = channel('monodon:request:response')
/** The app has failed: `error` says how. */
const ERROR = channel('monodon:request:error')
/** The response has ended for the app, or nobody waits for it any more. The last that is told of a request. */
const END = channel('monodon:request:end')

/** Whether somebody hears of requests. */
export function isHeard(): boolean {
  return (
    START.hasSubscribers || END.hasSubscribers || ERROR.hasSubscribers || RESPONSE.hasSubscribers
  )
}

/** What is published of one exchange. */
class Message implements RequestMessage {
  readonly worker: number
  status: number | undefined = undefined
  error: unknown = undefined
  private readonly exchange: LiveExchange

  constructor(exchange: LiveExchange, worker: number) {
    this.exchange = exchange
    this.worker = worker
  }

  get method(): string {
    return this.exchange.method
  }

  get target(): string {
    return this.exchange.target
  }

  get httpVersion(): '1.0' | '1.1' | '2.0' {
    return this.exchange.httpVersion
  }

  get remoteAddress(): string {
    return this.exchange.remoteAddress
  }

  get aborted(): boolean {
    return this.exchange.aborted
  }

  header(name: string): string | undefined {
    return this.exchange.header(name)
  }
}

/** The class of exchanges that are published, made of that of others. */
export function published(Exchange: typeof LiveExchange): typeof LiveExchange {
  return class extends Exchange {
    private readonly message = new Message(this, this.home.index)
    /** The status of the response that is being begun. */
    private next = 0
    private isOver = false

    /** That of the stores that are bound to the start. */
    override get hasContext(): boolean {
      return true
    }

    override answerBy(handle: Handle): void {
      START.runStores(this.message, () => super.answerBy(handle))
    }

    override respond(status: number, headers: HeaderBlock, body: string | Uint8Array): void {
      this.next = status
      super.respond(status, headers, body)
      this.tellResponse()
    }

    override respondFile(
      status: number,
      headers: HeaderBlock,
      descriptor: number,
      offset: number,
      length: number,
    ): boolean {
      this.next = status
      const isTaken = super.respondFile(status, headers, descriptor, offset, length)
      this.tellResponse()
      return isTaken
    }

    override start(status: number, headers: HeaderBlock): void {
      this.next = status
      super.start(status, headers)
      this.tellResponse()
    }

    override upgrade(): void {
      this.next = 101
      super.upgrade()
      this.tellResponse()
    }

    override accept(headers: HeaderBlock, receiver: SocketReceiver): Socket | undefined {
      this.next = 101
      const socket = super.accept(headers, receiver)
      this.tellResponse()
      return socket
    }

    override fail(error: unknown): void {
      if (this.finished) return
      this.message.error = error
      ERROR.publish(this.message)
      super.fail(error)
    }

    override end(trailers?: HeaderBlock): void {
      super.end(trailers)
      this.tellEnd()
    }

    override complete(fault?: BodyFault): void {
      super.complete(fault)
      this.tellEnd()
    }

    override closed(code: number, reason: string): void {
      super.closed(code, reason)
      this.tellEnd()
    }

    protected override refuse(status: number): void {
      if (!this.started) {
        this.message.status = status
        RESPONSE.publish(this.message)
      }
      super.refuse(status)
    }

    protected override finish(): void {
      this.tellResponse()
      super.finish()
      this.tellEnd()
    }

    private tellResponse(): void {
      const { message } = this
      if (!this.started || message.status !== undefined) return
      message.status = this.next
      RESPONSE.publish(message)
    }

    private tellEnd(): void {
      if (!this.finished || this.isOver) return
      this.isOver = true
      END.publish(this.message)
    }
  }
}
