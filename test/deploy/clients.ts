/** A steady load through the proxy, whose every request is known by its number. */
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const LANES = 6
const REST_MS = 5

/** What came of a request: the node and version that answered, or why it failed. */
export interface Result {
  readonly number: number
  readonly method: string
  readonly answer?: string
  readonly failure?: string
}

export class Clients {
  readonly results: Result[] = []
  private readonly agent = new Agent({ keepAlive: true })
  private readonly socketPath: string
  private lanes: Promise<void>[] = []
  private static count = 0
  private isStopping = false

  /** @param socketPath where the proxy listens */
  constructor(socketPath: string) {
    this.socketPath = socketPath
  }

  start(): void {
    this.lanes = Array.from({ length: LANES }, (_, lane) => this.run(lane))
  }

  /** Resolves when each request has got its answer, or failed. */
  async stop(): Promise<void> {
    this.isStopping = true
    await Promise.all(this.lanes)
    this.agent.destroy()
  }

  /** Whether somebody gave this answer to the last requests. */
  hear(answer: string): boolean {
    return this.results.slice(-50).some((result) => result.answer === answer)
  }

  get failed(): Result[] {
    return this.results.filter(({ failure }) => failure !== undefined)
  }

  /** A request; every third one is a POST, which must not be sent twice. */
  async ask(path: string, method = Clients.count % 3 === 0 ? 'POST' : 'GET'): Promise<Result> {
    const number = Clients.count++
    const result = await this.send(`${path}?number=${number}`, method).then(
      ({ status, body }) =>
        status === 200
          ? { number, method, answer: body }
          : { number, method, failure: `${status} ${body}` },
      (error: Error) => ({ number, method, failure: error.message }),
    )
    this.results.push(result)
    return result
  }

  private async run(lane: number): Promise<void> {
    await sleep(lane)
    while (!this.isStopping) {
      await this.ask('/')
      await sleep(REST_MS)
    }
  }

  private send(path: string, method: string): Promise<{ status: number; body: string }> {
    return new Promise((resolve, reject) => {
      const headers = method === 'POST' ? { 'content-length': 5 } : {}
      const { agent, socketPath } = this
      const outgoing = request({ socketPath, agent, path, method, headers }, (incoming) => {
        let body = ''
        incoming.setEncoding('utf8')
        incoming.on('data', (piece: string) => {
          body += piece
        })
        incoming.on('error', reject)
        incoming.on('end', () => resolve({ status: incoming.statusCode!, body }))
      })
      outgoing.on('error', reject)
      outgoing.end(method === 'POST' ? 'hello' : undefined)
    })
  }
}
