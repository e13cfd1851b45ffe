/** A collector of OpenTelemetry: it keeps what servers export to it by OTLP/HTTP. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import protobuf from 'protobufjs'
import { until } from '../support/wait.ts'

const PROTO = readFileSync(fileURLToPath(new URL('otlp.proto', import.meta.url)), 'utf8')
const { root } = protobuf.parse(PROTO)
const REQUEST = root.lookupType('ExportTraceServiceRequest')
const RESPONSE = root.lookupType('ExportTraceServiceResponse')

type Attributes = Readonly<Record<string, string | number | boolean>>

/** A span as it came, ids in hexadecimal and times in nanoseconds. */
export interface Span {
  readonly traceId: string
  readonly spanId: string
  /** Empty without a parent. */
  readonly parentId: string
  readonly state: string
  readonly flags: number
  readonly name: string
  readonly kind: number
  readonly start: bigint
  readonly end: bigint
  readonly attributes: Attributes
  /** 0 is unset, 2 an error. */
  readonly status: number
  readonly resource: Attributes
}

/** One request's spans: the server's, and those below it by name. */
export interface Trace {
  readonly server: Span
  readonly children: ReadonlyMap<string, Span>
}

/** How the collector answers; `undefined` leaves the request without an answer. */
export type Answer =
  | {
      readonly status?: number
      readonly headers?: Record<string, string>
      readonly rejected?: number
    }
  | undefined

interface Tls {
  readonly cert: Buffer
  readonly key: Buffer
}

export class Collector {
  readonly spans: Span[] = []
  /** Of each request. */
  readonly received: { readonly path: string; readonly headers: IncomingHttpHeaders }[] = []
  /** Says how the request with this number, from 0, is answered. What is not answered 200 is not kept. */
  answer: (number: number) => Answer = () => ({})
  readonly #server: Server | TlsServer
  readonly #scheme: string

  private constructor(tls?: Tls) {
    const listener = (request: IncomingMessage, response: ServerResponse): void => {
      void this.#take(request, response)
    }
    this.#server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
    this.#scheme = tls === undefined ? 'http' : 'https'
  }

  static async start(tls?: Tls, port = 0): Promise<Collector> {
    const collector = new Collector(tls)
    collector.#server.listen(port, '127.0.0.1')
    await once(collector.#server, 'listening')
    return collector
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `${this.#scheme}://localhost:${this.port}`
  }

  /** The traces of the requests for a path, once there are so many. */
  async traces(path: string, count = 1): Promise<Trace[]> {
    const servers = () =>
      this.spans.filter(({ kind, attributes }) => kind === 2 && attributes['url.path'] === path)
    await until(`${count} traces of ${path}`, () => servers().length >= count)
    return servers().map((server) => {
      const below = this.spans.filter(({ parentId }) => parentId === server.spanId)
      return { server, children: new Map(below.map((span) => [span.name, span])) }
    })
  }

  async trace(path: string): Promise<Trace> {
    const [trace] = await this.traces(path)
    return trace!
  }

  async close(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request)
    const number = this.received.push({ path: request.url ?? '', headers: request.headers })
    const answer = this.answer(number - 1)
    if (answer === undefined) return
    const { status = 200, headers = {}, rejected = 0 } = answer
    if (status === 200) this.spans.push(...decode(body))
    const partial = rejected === 0 ? {} : { partialSuccess: { rejectedSpans: rejected } }
    const bytes = RESPONSE.encode(RESPONSE.create(partial)).finish()
    response.writeHead(status, { 'content-type': 'application/x-protobuf', ...headers })
    response.end(status === 200 ? bytes : '')
  }
}

interface Pair {
  readonly key: string
  readonly value?: {
    readonly stringValue?: string
    readonly boolValue?: boolean
    readonly intValue?: string
  }
}

type Bytes = readonly number[]

/** A message as the library makes an object of it. */
interface Message {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Pair[] }
    readonly scopeSpans: readonly {
      readonly spans: readonly {
        readonly traceId: Bytes
        readonly spanId: Bytes
        readonly parentSpanId?: Bytes
        readonly traceState?: string
        readonly flags?: number
        readonly name: string
        readonly kind: number
        readonly startTimeUnixNano: string
        readonly endTimeUnixNano: string
        readonly attributes: readonly Pair[]
        readonly status?: { readonly code?: number }
      }[]
    }[]
  }[]
}

function decode(body: Buffer): Span[] {
  const how = { longs: String, bytes: Array, arrays: true }
  const { resourceSpans } = REQUEST.toObject(REQUEST.decode(body), how) as Message
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        traceId: hex(span.traceId),
        spanId: hex(span.spanId),
        parentId: hex(span.parentSpanId),
        state: span.traceState ?? '',
        flags: span.flags ?? 0,
        name: span.name,
        kind: span.kind,
        start: BigInt(span.startTimeUnixNano),
        end: BigInt(span.endTimeUnixNano),
        attributes: attributes(span.attributes),
        status: span.status?.code ?? 0,
        resource: attributes(resource.attributes),
      })),
    ),
  )
}

function hex(bytes: Bytes = []): string {
  return Buffer.from(bytes).toString('hex')
}

function attributes(pairs: readonly Pair[]): Attributes {
  const plain = ({ stringValue, boolValue, intValue }: NonNullable<Pair['value']>) =>
    stringValue ?? boolValue ?? Number(intValue)
  return Object.fromEntries(pairs.map(({ key, value = {} }) => [key, plain(value)]))
}
