import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type Leniency, ResponseParser, type WireResponse } from './responses.ts'
import { PATIENCE_MS, within } from './wait.ts'

/** Where a server listens. */
export interface Address {
  readonly host: string
  readonly port: number
  /** Of a Unix socket, in place of the other two. */
  readonly path?: string | undefined
  /** It speaks TLS: the certificate in PEM of who has issued the server's. */
  readonly ca?: string | undefined
}

/** A connection that is open, encrypted if the address asks for it. */
export async function openSocket(address: Address, protocol = 'http/1.1'): Promise<Socket> {
  const { host, port, path, ca } = address
  const place = path === undefined ? { host, port } : { path }
  const socket: Socket =
    ca === undefined
      ? connect({ ...place, allowHalfOpen: true })
      : connectTls({
          socket: connect({ ...place, allowHalfOpen: true }),
          ca,
          servername: 'localhost',
          ALPNProtocols: [protocol],
        })
  await once(socket, ca === undefined ? 'connect' : 'secureConnect')
  return socket
}

/** How the server ended a connection. */
export type Ending = 'closed' | 'reset'

/** A raw HTTP/1.1 connection: bytes go out as given, responses come back strictly parsed. */
export class Client {
  readonly socket: Socket
  /** 1xx responses, as they came. */
  readonly interims: WireResponse[] = []
  /** Resolves when the connection has ended. */
  readonly ended: Promise<Ending>
  readonly #parser: ResponseParser
  readonly #responses: WireResponse[] = []
  #failure: Error | undefined
  #waiting: (() => void) | undefined
  #over = false

  private constructor(socket: Socket, methods: readonly string[], leniency: Leniency) {
    this.socket = socket
    const onResponse = (response: WireResponse): void => {
      if (response.status < 200) this.interims.push(response)
      else this.#responses.push(response)
    }
    this.#parser = new ResponseParser(methods, onResponse, leniency)
    socket.setNoDelay(true)
    socket.on('data', (bytes) => this.#attempt(() => this.#parser.push(bytes as Buffer)))
    this.ended = new Promise((resolve) => {
      let ending: Ending = 'closed'
      socket.on('error', () => {
        ending = 'reset'
      })
      socket.on('end', () => {
        this.#over = true
        this.#attempt(() => this.#parser.finish())
      })
      socket.on('close', () => {
        this.#over = true
        this.#waiting?.()
        resolve(ending)
      })
    })
  }

  /**
   * Connects.
   *
   * @param methods methods of the requests that will be sent, in order (`expect` adds more)
   */
  static async connect(
    address: Address,
    methods: readonly string[] = [],
    leniency: Leniency = {},
  ): Promise<Client> {
    return new Client(await openSocket(address), methods, leniency)
  }

  get port(): number {
    return (this.socket.address() as AddressInfo).port
  }

  /** Whole responses that nobody has taken yet. */
  get waiting(): number {
    return this.#responses.length
  }

  /** True once the server has ended the connection. */
  get isOver(): boolean {
    return this.#over
  }

  /** Bytes of the body that is arriving now. */
  get bodyBytes(): number {
    return this.#parser.bodyBytes
  }

  /** The response whose body is arriving, as far as it has come. */
  get partial(): WireResponse | undefined {
    return this.#parser.partial
  }

  /** True when nothing was left over after the last whole response. */
  get atBoundary(): boolean {
    return this.#parser.atBoundary
  }

  expect(...methods: string[]): void {
    for (const method of methods) this.#parser.expect(method)
  }

  /** Resolves when the kernel has the bytes; also when the connection is gone. */
  write(bytes: Uint8Array | string): Promise<void> {
    const data = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes
    return new Promise((resolve) => this.socket.write(data, () => resolve()))
  }

  /** Sends a request and waits for its answer. */
  async request(method: string, bytes: string): Promise<WireResponse> {
    this.expect(method)
    await this.write(bytes)
    return this.response()
  }

  /** The next final response. Rejects when it is malformed, late, or the connection ended first. */
  response(ms = PATIENCE_MS): Promise<WireResponse> {
    return within(ms, 'a response', async () => {
      while (this.#responses.length === 0) {
        if (this.#failure !== undefined) throw this.#failure
        if (this.#over) throw new Error('the connection ended before the response was complete')
        await new Promise<void>((resolve) => {
          this.#waiting = resolve
        })
      }
      return this.#responses.shift()!
    })
  }

  /** Resolves once the server has ended the connection; the client's half is closed then. */
  async closed(ms = PATIENCE_MS): Promise<Ending> {
    this.socket.resume()
    if (this.socket.readableEnded) this.socket.end()
    else this.socket.once('end', () => this.socket.end())
    const ending = await within(ms, 'the end of the connection', () => this.ended)
    if (this.#failure !== undefined) throw this.#failure
    return ending
  }

  /** Half-closes: the server sees the end of what was sent. */
  end(): void {
    this.socket.end()
  }

  /** Goes away with a FIN. */
  async leave(): Promise<void> {
    this.socket.destroy()
    await this.ended
  }

  /** Goes away with a RST. */
  async reset(): Promise<void> {
    this.socket.resetAndDestroy()
    await this.ended
  }

  #attempt(step: () => void): void {
    try {
      step()
    } catch (error) {
      this.#failure ??= error as Error
    }
    this.#waiting?.()
  }
}

/** A GET of `target`, as bytes. */
export function get(target: string, ...fields: string[]): string {
  return `${[`GET ${target} HTTP/1.1`, 'Host: localhost', ...fields].join('\r\n')}\r\n\r\n`
}

/** A POST with a Content-Length body, as latin1 bytes. */
export function post(target: string, body: string, ...fields: string[]): string {
  const lines = [`POST ${target} HTTP/1.1`, 'Host: localhost', `Content-Length: ${body.length}`]
  return `${[...lines, ...fields].join('\r\n')}\r\n\r\n${body}`
}

/** One request on a connection of its own. */
export async function fetchOnce(address: Address, target: string): Promise<WireResponse> {
  const client = await Client.connect(address)
  try {
    return await client.request('GET', get(target, 'Connection: close'))
  } finally {
    await client.leave()
  }
}
