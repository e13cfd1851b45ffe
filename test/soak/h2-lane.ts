/** A client over HTTP/2 with prior knowledge. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import { connect as connectSocket } from 'node:net'
import type { Address } from '../support/client.ts'
import { within } from '../support/wait.ts'
import { ANSWER_MS } from './h1-lanes.ts'
import type { Question } from './questions.ts'
import type { Tally } from './tally.ts'

/** Asks over one session; over a new one only when the server has ended it. */
export class Http2Lane {
  private readonly address: Address
  private readonly tally: Tally
  private session: ClientHttp2Session | undefined

  constructor(address: Address, tally: Tally) {
    this.address = address
    this.tally = tally
  }

  /**
   * Asks all questions at once. What was refused has not been processed and is asked again (RFC 9113
   * section 8.7): nghttp2 itself refuses what it has not sent when the server's GOAWAY comes.
   */
  async ask(questions: readonly Question[]): Promise<void> {
    const session = await this.open()
    const refused: Question[] = []
    await Promise.all(
      questions.map(async (question) => {
        if (!(await this.exchange(session, question))) refused.push(question)
      }),
    )
    if (refused.length === 0) return
    session.close()
    await this.ask(refused)
  }

  async leave(): Promise<void> {
    const { session } = this
    if (session === undefined || session.destroyed) return
    await new Promise<void>((resolve) => session.close(resolve))
  }

  private async open(): Promise<ClientHttp2Session> {
    if (this.session !== undefined && !this.session.closed && !this.session.destroyed)
      return this.session
    const { host, port, path } = this.address
    const session = connect('http://localhost', {
      createConnection: () => connectSocket(path === undefined ? { host, port } : { path }),
    })
    this.session = session
    await new Promise<void>((resolve, reject) => {
      session.once('connect', () => resolve())
      session.once('error', reject)
    })
    session.removeAllListeners('error')
    session.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET') this.tally.resets.push('an HTTP/2 session')
    })
    return session
  }

  /** False if it was refused. */
  private async exchange(session: ClientHttp2Session, question: Question): Promise<boolean> {
    const { method, target, body } = question
    const stream = session.request({ ':method': method, ':path': target })
    const heard = hear(stream)
    stream.end(body)
    const { status, answer, failure } = await within(ANSWER_MS, 'an answer', () => heard)
    if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) return false
    if (status === undefined) this.tally.unanswered(question, failure ?? 'no answer')
    else if (failure !== undefined) this.tally.cut(question)
    else this.tally.answered(question, status, answer)
    return true
  }
}

interface Heard {
  readonly status: number | undefined
  readonly answer: Buffer
  /** Why the stream did not end as it should. */
  readonly failure: string | undefined
}

function hear(stream: ClientHttp2Stream): Promise<Heard> {
  return new Promise((resolve) => {
    let status: number | undefined
    let failure: string | undefined
    let isWhole = false
    const chunks: Buffer[] = []
    stream.on('response', (fields) => {
      status = fields[':status']
    })
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      isWhole = true
    })
    stream.on('error', (error) => {
      failure = String(error)
    })
    stream.on('close', () => {
      // A server that answers before it has the whole body says with NO_ERROR that it wants no more.
      if (!isWhole) failure ??= `closed with ${stream.rstCode}`
      else if (stream.rstCode === 0) failure = undefined
      resolve({ status, answer: Buffer.concat(chunks), failure })
    })
  })
}
