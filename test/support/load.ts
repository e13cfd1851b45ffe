import { Client, get } from './client.ts'
import type { SpawnedServer } from './spawned.ts'

/** Clients that ask again and again on connections that they keep, until they are told to stop. */
export class Load {
  /** Bodies of the good answers, and how often each came. */
  readonly seen = new Map<string, number>()
  /** Statuses of the others, and what became of connections. */
  readonly failures: string[] = []
  private readonly lanes: Promise<void>[]
  private stopping = false

  constructor(server: SpawnedServer, clients = 8) {
    this.lanes = Array.from({ length: clients }, () => this.ask(server))
  }

  /** Good answers so far. */
  get answers(): number {
    return [...this.seen.values()].reduce((sum, count) => sum + count, 0)
  }

  async stop(): Promise<void> {
    this.stopping = true
    await Promise.all(this.lanes)
  }

  private async ask(server: SpawnedServer): Promise<void> {
    const client = await Client.connect(server)
    try {
      while (!this.stopping) {
        const { status, body } = await client.request('GET', get('/'))
        const text = body.toString()
        if (status === 200) this.seen.set(text, (this.seen.get(text) ?? 0) + 1)
        else this.failures.push(String(status))
      }
    } catch (error) {
      this.failures.push(String(error))
    } finally {
      await client.leave()
    }
  }
}
