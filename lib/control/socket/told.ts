/** What one client of a control socket is told line by line, as long as it reads. */

import type { Socket } from 'node:net'

/** Bytes that wait for a client to read them, at most. */
const WAITING_BYTES = 256 * 1024

export class Told {
  private readonly socket: Socket
  /** What there was no room for, and was not told yet. */
  private dropped = 0

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('drain', () => this.tellDropped())
  }

  /** Tells a thing, unless too much waits already: that is dropped, and counted. */
  tell(thing: object): void {
    if (!this.socket.writable || this.socket.writableLength > WAITING_BYTES) {
      this.dropped += 1
      return
    }
    this.tellDropped()
    this.socket.write(`${JSON.stringify(thing)}\n`)
  }

  /** So many were dropped before they came here. */
  drop(count: number): void {
    this.dropped += count
    if (!this.socket.writableNeedDrain) this.tellDropped()
  }

  private tellDropped(): void {
    if (this.dropped === 0 || !this.socket.writable) return
    this.socket.write(`${JSON.stringify({ dropped: this.dropped })}\n`)
    this.dropped = 0
  }
}
