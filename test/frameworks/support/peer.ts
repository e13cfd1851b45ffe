import { Client } from '../../support/client.ts'
import { WireError, type WireResponse } from '../../support/responses.ts'
import { until } from '../../support/wait.ts'
import type { Side } from './sides.ts'

/** An answer as it is compared: all that a client can see of it but for what the connection says. */
export interface Answer {
  /** For example `HTTP/1.1 200 OK`. */
  readonly line: string
  /** Field lines, names in lower case, in the order of the names. */
  readonly fields: readonly string[]
  readonly body: string
  readonly trailers: readonly string[]
  /** Where the connection ended before the response did. */
  readonly isCut?: true
}

/** What a conversation was like, from both ends. */
export interface Outcome {
  readonly answers: readonly Answer[]
  /** What the app has noted. */
  readonly notes: readonly unknown[]
}

export interface Ask {
  readonly headers?: Readonly<Record<string, string>>
  /** Sent with its Content-Length. */
  readonly body?: string | Uint8Array
}

/** Fields that tell of the connection or of the moment. */
const NOT_COMPARED = new Set(['connection', 'date', 'keep-alive', 'transfer-encoding'])
/** How monodon signs answers of apps that do not sign them themselves. */
const SIGNATURE = 'server: monodon'

/** One connection to a server, and a record of what came over it. */
export class Peer {
  readonly client: Client
  readonly #side: Side
  readonly #answers: Answer[] = []
  #interims = 0

  private constructor(client: Client, side: Side) {
    this.client = client
    this.#side = side
  }

  static async connect(side: Side): Promise<Peer> {
    return new Peer(await Client.connect(side.address, [], side.leniency), side)
  }

  /** Where the server listens. */
  get port(): number {
    return this.#side.address.port
  }

  /** Sends a request and waits for its answer. */
  async ask(method: string, target: string, ask: Ask = {}): Promise<WireResponse> {
    await this.send(method, target, ask)
    return this.answer()
  }

  /** Sends a request, or no more of it than its head if that announces a body. */
  async send(method: string, target: string, { headers = {}, body }: Ask = {}): Promise<void> {
    this.client.expect(method)
    const lines = [`${method} ${target} HTTP/1.1`]
    const fields = { Host: 'app.test', ...headers }
    for (const [name, value] of Object.entries(fields)) lines.push(`${name}: ${value}`)
    if (body !== undefined) lines.push(`Content-Length: ${Buffer.byteLength(body)}`)
    const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
    await this.client.write(Buffer.concat([head, Buffer.from(body ?? '')]))
  }

  /** A chunk of a chunked body; the last one is empty. */
  async chunk(text: string): Promise<void> {
    const size = Buffer.byteLength(text).toString(16)
    await this.client.write(Buffer.from(`${size}\r\n${text}\r\n`))
  }

  async answer(): Promise<WireResponse> {
    const response = await this.client.response()
    this.#recordInterims()
    this.#answers.push(shown(response))
    return response
  }

  /** The next 1xx response. */
  async interim(): Promise<WireResponse> {
    await until('an interim response', () => this.client.interims.length > this.#interims)
    const response = this.client.interims[this.#interims]!
    this.#recordInterims()
    return response
  }

  /** What has come of the response that is arriving, once so many bytes of its body are here. */
  async part(bytes: number): Promise<WireResponse> {
    await until(`${bytes} bytes of a body`, () => this.client.bodyBytes >= bytes)
    this.#recordInterims()
    this.#answers.push(shown(this.client.partial!))
    return this.client.partial!
  }

  /** The connection ends in the middle of a response, of which this much is here. */
  async cut(): Promise<void> {
    await this.client.closed().catch((error: unknown) => {
      if (!(error instanceof WireError)) throw error
    })
    this.#recordInterims()
    const { partial } = this.client
    if (partial === undefined) throw new Error('no response was cut')
    this.#answers.push({ ...shown(partial), isCut: true })
  }

  /** An answer, or the end of the connection without any. */
  async answerIfAny(): Promise<void> {
    await until('an answer or the end', () => this.client.waiting > 0 || this.client.isOver)
    if (this.client.waiting > 0) await this.answer()
  }

  /** Leaves what has come so far out of the comparison. */
  forget(): void {
    this.#answers.length = 0
  }

  /** Waits until the app has noted something. */
  async noted(entry: unknown): Promise<void> {
    const found = () => this.#side.notes.includes(entry)
    await until(`the note ${JSON.stringify(entry)}`, found).catch((error: Error) => {
      throw new Error(`${error.message}; there are ${JSON.stringify(this.#side.notes)}`)
    })
  }

  async leave(): Promise<void> {
    await this.client.leave()
  }

  get outcome(): Outcome {
    return { answers: this.#answers, notes: [...this.#side.notes] }
  }

  #recordInterims(): void {
    const { interims } = this.client
    for (; this.#interims < interims.length; this.#interims++)
      this.#answers.push(shown(interims[this.#interims]!))
  }
}

function shown({ version, status, reason, fields, body, trailers }: WireResponse): Answer {
  return {
    line: `${version} ${status} ${reason}`,
    fields: linesOf(fields.filter(([name]) => !NOT_COMPARED.has(name.toLowerCase()))).filter(
      (line) => line !== SIGNATURE,
    ),
    body: body.toString('latin1'),
    trailers: linesOf(trailers),
  }
}

/** Lines of one name keep their order. */
function linesOf(fields: WireResponse['fields']): string[] {
  const lower = fields.map(([name, value]) => [name.toLowerCase(), value] as const)
  const inOrder = lower.sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0))
  return inOrder.map(([name, value]) => `${name}: ${value}`)
}
