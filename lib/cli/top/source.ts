/** Snapshots of a server, asked for over its control socket. */

import { ask } from '../../control/socket/client.ts'
import type { Snapshot } from '../../observe/snapshot.ts'

/** A server that does not answer for so many milliseconds is asked anew. */
const PATIENCE_MS = 5000

export class Source {
  private readonly find: () => Promise<string>
  private path: string | undefined

  /** @param find finds the socket, again after each failure: another server may have another one */
  constructor(find: () => Promise<string>) {
    this.find = find
  }

  /** @throws MonodonError `MONODON_NO_SERVER`; Error when the server cannot tell */
  async snapshot(): Promise<Snapshot> {
    try {
      this.path ??= await this.find()
      const answer = await ask(this.path, { command: 'snapshot' }, AbortSignal.timeout(PATIENCE_MS))
      if (answer.ok) return answer.result as Snapshot
      throw new Error(answer.error.message)
    } catch (error) {
      this.path = undefined
      throw error
    }
  }
}
