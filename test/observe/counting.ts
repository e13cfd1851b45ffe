/** Clients that count what they have asked for and what they have got. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { PATIENCE_MS, until, within } from '../support/wait.ts'

/** What a client has counted of its own talks. */
export class Counting {
  written = 0
  read = 0
  readonly statuses: Record<string, number> = {}
  /** Of answers alone. */
  readonly codes: Record<string, number> = {}
  private readonly port: number

  constructor(port: number) {
    this.port = port
  }

  /** Sends bytes, and resolves with the status of the answer once the server has closed. */
  async ask(bytes: string): Promise<void> {
    const socket = await this.open(bytes)
    let text = ''
    socket.on('data', (data) => {
      text += data.toString('latin1')
    })
    await within(PATIENCE_MS, 'an answer', () => once(socket, 'close'))
    this.count(socket)
    const code = /^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1] ?? 'none'
    this.codes[code] = (this.codes[code] ?? 0) + 1
    this.add(`${code[0]}xx`)
  }

  /** Sends bytes, and leaves once `isThere`. */
  async leave(bytes: string, isThere: () => Promise<boolean>): Promise<void> {
    const socket = await this.open(bytes)
    await until('the request to be there', isThere)
    socket.destroy()
    this.count(socket)
    this.add('none')
  }

  private async open(bytes: string): Promise<Socket> {
    const socket = connect(this.port, '127.0.0.1')
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.write(bytes)
    return socket
  }

  private count(socket: Socket): void {
    this.written += socket.bytesWritten
    this.read += socket.bytesRead
  }

  private add(status: string): void {
    this.statuses[status] = (this.statuses[status] ?? 0) + 1
  }
}

export function head(method: string, target: string, fields = ''): string {
  return `${method} ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${fields}\r\n`
}
