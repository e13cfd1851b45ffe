/**
 * A strict parser of HTTP/1.1 responses: what RFC 9112 does not allow a server to send is an error
 * here, so that a test that reads a response also checks its framing.
 */

export interface WireResponse {
  readonly version: string
  readonly status: number
  readonly reason: string
  /** Field lines in the order sent, names as sent. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  /** By name in lower case; lines of a name are joined by `', '`. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  readonly trailers: readonly (readonly [name: string, value: string])[]
  /** How the end of the body was known. */
  readonly framing: 'none' | 'length' | 'chunked' | 'close'
}

/** Bytes that are no valid response. */
export class WireError extends Error {
  override readonly name = 'WireError'
}

const STATUS_LINE = /^(HTTP\/1\.[01]) ([1-5]\d\d) ([\t\x20-\x7e\x80-\xff]*)$/
const FIELD_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/
const CHUNK_SIZE = /^[0-9a-fA-F]{1,12}$/

type Head = Omit<WireResponse, 'body' | 'trailers'> & { readonly remaining: number }
type State = 'head' | 'length' | 'close' | 'chunk-size' | 'chunk-data' | 'chunk-end' | 'trailers'

/** Where a server is let off RFC 9112. */
export interface Leniency {
  /** Content-Length in a 204, which apps on `node:http` send (section 6.1 forbids it). */
  readonly lengthIn204?: boolean
}

/**
 * Takes bytes as they come and calls `onResponse` for each whole response, 1xx ones included.
 * `methods` are the methods of the requests in order: an answer to HEAD has no body.
 */
export class ResponseParser {
  readonly #methods: string[]
  readonly #onResponse: (response: WireResponse) => void
  readonly #leniency: Leniency
  #state: State = 'head'
  #pending: Buffer = Buffer.alloc(0)
  #head: Head | undefined
  #body: Buffer[] = []
  #remaining = 0
  #bodyBytes = 0

  constructor(
    methods: readonly string[],
    onResponse: (response: WireResponse) => void,
    leniency: Leniency = {},
  ) {
    this.#methods = [...methods]
    this.#onResponse = onResponse
    this.#leniency = leniency
  }

  /** Another request was sent. */
  expect(method: string): void {
    this.#methods.push(method)
  }

  /** Bytes of the body that is arriving. */
  get bodyBytes(): number {
    return this.#bodyBytes
  }

  /** The response whose body is arriving, as far as it has come. */
  get partial(): WireResponse | undefined {
    return this.#state === 'head' ? undefined : this.#response([])
  }

  /** True between responses. */
  get atBoundary(): boolean {
    return this.#state === 'head' && this.#pending.length === 0
  }

  /** @throws WireError */
  push(bytes: Buffer): void {
    this.#pending = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes])
    while (this.#pending.length > 0 && this.#step()) {}
  }

  /**
   * The connection ended in order.
   *
   * @throws WireError when a response was not complete
   */
  finish(): void {
    if (this.#state === 'close') this.#complete([])
    else if (!this.atBoundary) throw new WireError(`the connection ended in state ${this.#state}`)
  }

  /** One step of parsing; false when more bytes are needed. */
  #step(): boolean {
    switch (this.#state) {
      case 'head':
        return this.#readHead()
      case 'length':
        return this.#readData('head')
      case 'close':
        return this.#readData('close')
      case 'chunk-size':
        return this.#readChunkSize()
      case 'chunk-data':
        return this.#readData('chunk-end')
      case 'chunk-end':
        return this.#readChunkEnd()
      case 'trailers':
        return this.#readTrailers()
    }
  }

  #readHead(): boolean {
    const end = this.#pending.indexOf('\r\n\r\n')
    if (end < 0) {
      if (this.#pending.length > 65_536) throw new WireError('a head of more than 64 KiB')
      return false
    }
    const lines = this.#pending.toString('latin1', 0, end).split('\r\n')
    this.#pending = this.#pending.subarray(end + 4)
    const match = STATUS_LINE.exec(lines[0]!)
    if (match === null) throw new WireError(`status line ${JSON.stringify(lines[0])}`)
    const fields = lines.slice(1).map(parseField)
    const status = Number(match[2])
    const method = status < 200 ? undefined : this.#methods.shift()
    if (status >= 200 && method === undefined) throw new WireError('a response to no request')
    this.#begin(match[1]!, status, match[3]!, fields, method)
    return true
  }

  #begin(
    version: string,
    status: number,
    reason: string,
    fields: [string, string][],
    method: string | undefined,
  ): void {
    const headers = combine(fields)
    const { framing, remaining } = frame(status, method, fields, headers, this.#leniency)
    this.#head = { version, status, reason, fields, headers, framing, remaining }
    this.#body = []
    this.#bodyBytes = 0
    this.#remaining = remaining
    if (framing === 'chunked') this.#state = 'chunk-size'
    else if (framing === 'close') this.#state = 'close'
    else if (remaining === 0) this.#complete([])
    else this.#state = 'length'
  }

  #readData(next: 'head' | 'close' | 'chunk-end'): boolean {
    const bytes = this.#pending.subarray(0, next === 'close' ? undefined : this.#remaining)
    this.#pending = this.#pending.subarray(bytes.length)
    this.#body.push(bytes)
    this.#bodyBytes += bytes.length
    if (next === 'close') return true
    this.#remaining -= bytes.length
    if (this.#remaining > 0) return true
    if (next === 'head') this.#complete([])
    else this.#state = next
    return true
  }

  #readChunkSize(): boolean {
    const line = this.#line()
    if (line === undefined) return false
    if (!CHUNK_SIZE.test(line)) throw new WireError(`chunk size ${JSON.stringify(line)}`)
    this.#remaining = Number.parseInt(line, 16)
    this.#state = this.#remaining === 0 ? 'trailers' : 'chunk-data'
    return true
  }

  #readChunkEnd(): boolean {
    if (this.#pending.length < 2) return false
    if (this.#pending.toString('latin1', 0, 2) !== '\r\n')
      throw new WireError('chunk data without CRLF')
    this.#pending = this.#pending.subarray(2)
    this.#state = 'chunk-size'
    return true
  }

  #readTrailers(): boolean {
    if (this.#pending.length < 2) return false
    if (this.#pending.toString('latin1', 0, 2) === '\r\n') {
      this.#pending = this.#pending.subarray(2)
      this.#complete([])
      return true
    }
    const end = this.#pending.indexOf('\r\n\r\n')
    if (end < 0) return false
    const trailers = this.#pending.toString('latin1', 0, end).split('\r\n').map(parseField)
    this.#pending = this.#pending.subarray(end + 4)
    this.#complete(trailers)
    return true
  }

  #line(): string | undefined {
    const end = this.#pending.indexOf('\r\n')
    if (end < 0) return undefined
    const line = this.#pending.toString('latin1', 0, end)
    this.#pending = this.#pending.subarray(end + 2)
    return line
  }

  #complete(trailers: [string, string][]): void {
    this.#state = 'head'
    this.#onResponse(this.#response(trailers))
    this.#body = []
  }

  #response(trailers: [string, string][]): WireResponse {
    const { remaining: _, ...head } = this.#head!
    return { ...head, body: Buffer.concat(this.#body), trailers }
  }
}

function parseField(line: string): [string, string] {
  const match = FIELD_LINE.exec(line)
  if (match === null) throw new WireError(`field line ${JSON.stringify(line)}`)
  return [match[1]!, match[2]!]
}

function combine(fields: readonly [string, string][]): Record<string, string> {
  const headers: Record<string, string> = Object.create(null)
  for (const [name, value] of fields) {
    const key = name.toLowerCase()
    headers[key] = headers[key] === undefined ? value : `${headers[key]}, ${value}`
  }
  return headers
}

/** How long the body is: RFC 9112 section 6.3, and what a server MUST NOT send. */
function frame(
  status: number,
  method: string | undefined,
  fields: readonly [string, string][],
  headers: Record<string, string>,
  leniency: Leniency,
): { framing: WireResponse['framing']; remaining: number } {
  const length = headers['content-length']
  const coding = headers['transfer-encoding']
  if (length !== undefined && !/^\d+$/.test(length)) throw new WireError(`length ${length}`)
  if (length !== undefined && coding !== undefined) throw new WireError('length and coding')
  if (coding !== undefined && coding.toLowerCase() !== 'chunked')
    throw new WireError(`transfer coding ${coding}`)
  if (fields.filter(([name]) => name.toLowerCase() === 'date').length > 1)
    throw new WireError('two dates')
  const bodiless = status < 200 || status === 204
  const excused = status === 204 && leniency.lengthIn204 === true
  if (bodiless && ((length !== undefined && !excused) || coding !== undefined))
    throw new WireError(`framing fields in a ${status}`)
  if (bodiless || status === 304 || method === 'HEAD') return { framing: 'none', remaining: 0 }
  if (coding !== undefined) return { framing: 'chunked', remaining: 0 }
  if (length !== undefined) return { framing: 'length', remaining: Number(length) }
  return { framing: 'close', remaining: 0 }
}
