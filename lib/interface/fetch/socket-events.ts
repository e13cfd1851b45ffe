import { CLOSE_CODES } from '../../bridge/exchange.ts'
import { standInFor, withPlatform } from './platform.ts'

/**
 * A message, with the interface of `MessageEvent`. Making one of the platform's costs about a
 * microsecond, so that is done only when something of it is touched that is not here.
 */
export class SocketMessage {
  readonly #data: unknown
  readonly #target: EventTarget
  #platform: MessageEvent | undefined = undefined

  constructor(data: unknown, target: EventTarget) {
    this.#data = data
    this.#target = target
  }

  get type(): string {
    return 'message'
  }

  get data(): unknown {
    return this.#data
  }

  get target(): EventTarget {
    return this.#target
  }

  get currentTarget(): EventTarget {
    return this.#target
  }

  static {
    Object.defineProperty(SocketMessage, 'name', { value: 'MessageEvent' })
    withPlatform(() => {
      const sample = new MessageEvent('message')
      for (const platform of [Event, MessageEvent])
        standInFor(SocketMessage, platform, sample, (message) => {
          message.#platform ??= new MessageEvent('message', { data: message.#data })
          return message.#platform
        })
    })
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
    this.wasClean = code !== CLOSE_CODES.abnormal
  }
}
