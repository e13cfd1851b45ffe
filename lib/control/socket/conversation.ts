import type { Socket } from 'node:net'
import { MonodonError } from '../../errors.ts'
import { type ActionName, actionOf } from '../actions.ts'
import type { Arbiter } from '../arbiter.ts'
import { type Answer, failureOf, PROTOCOL_VERSION, REQUEST_BYTES, readRequest } from './protocol.ts'
import { Told } from './told.ts'

/** A client that says nothing for so many milliseconds is left. */
const SILENCE_MS = 30_000
/** A client whose request was refused has so many milliseconds to read why. */
const FAREWELL_MS = 1000
/** Who asks, for the log. */
const BY = 'monodon ctl'

/**
 * One client of a control socket: its requests are answered one after the other. Whatever it sends costs
 * nobody but itself.
 */
export class Conversation {
  private readonly arbiter: Arbiter
  private readonly socket: Socket
  /** What has come and was not answered yet. */
  private received = Buffer.alloc(0)
  private hasEnded = false
  private isAnswering = false
  /** Ends what it is told after an answer. */
  private unfollow: (() => void) | undefined
  /** Resolves when the answer that is under way has been sent. */
  private answered: Promise<void> = Promise.resolve()

  constructor(arbiter: Arbiter, socket: Socket) {
    this.arbiter = arbiter
    this.socket = socket
    socket.setTimeout(SILENCE_MS, () => {
      if (!this.isAnswering) socket.destroy()
    })
    socket.on('data', (data) => {
      this.received = Buffer.concat([this.received, data])
      this.goOn()
    })
    socket.on('end', () => {
      this.hasEnded = true
      if (this.unfollow === undefined) this.goOn()
      else socket.end()
    })
    socket.on('close', () => this.unfollow?.())
    // A client that is gone hears nothing: what it has asked for is done all the same.
    socket.on('error', () => socket.destroy())
  }

  /** Takes no more requests. Resolves when what was asked is answered. */
  async close(): Promise<void> {
    this.socket.pause()
    await this.answered
    await new Promise<void>((resolve) => this.socket.end(resolve))
  }

  private goOn(): void {
    if (this.isAnswering) {
      if (this.received.length > REQUEST_BYTES) this.socket.pause()
      return
    }
    const end = this.received.indexOf('\n')
    if (end > REQUEST_BYTES || (end < 0 && this.received.length > REQUEST_BYTES)) {
      this.refuse(`a request has ${REQUEST_BYTES} bytes at most`)
    } else if (end >= 0) {
      const line = this.received.toString('utf8', 0, end)
      this.received = this.received.subarray(end + 1)
      this.answered = this.answer(line)
    } else if (this.hasEnded) {
      this.socket.end()
    } else {
      this.socket.resume()
    }
  }

  private async answer(line: string): Promise<void> {
    this.isAnswering = true
    try {
      const { action, argument } = readRequest(line)
      const result = (await actionOf(action).run(this.arbiter, BY, argument)) ?? null
      await this.send({ version: PROTOCOL_VERSION, ok: true, result })
      // From then on it is told, and asks nothing more.
      if (this.follow(action, argument)) return
    } catch (error) {
      await this.send({ version: PROTOCOL_VERSION, ok: false, error: failureOf(error) })
    }
    this.isAnswering = false
    this.goOn()
  }

  private follow(action: ActionName, argument: string): boolean {
    const { follow } = actionOf(action)
    if (follow === undefined || this.hasEnded || this.socket.destroyed) return false
    this.unfollow = follow(this.arbiter, argument, new Told(this.socket))
    return true
  }

  private refuse(detail: string): void {
    const error = failureOf(new MonodonError('MONODON_BAD_COMMAND', { detail }))
    void this.send({ version: PROTOCOL_VERSION, ok: false, error })
    // What it still sends is thrown away: closing at once would take the answer from it.
    this.socket.removeAllListeners('data').resume().end()
    setTimeout(() => this.socket.destroy(), FAREWELL_MS).unref()
  }

  /** Resolves when the kernel has it, also when the client is gone. */
  private send(answer: Answer): Promise<void> {
    return new Promise((resolve) => {
      if (!this.socket.writable) resolve()
      else this.socket.write(`${JSON.stringify(answer)}\n`, () => resolve())
    })
  }
}
