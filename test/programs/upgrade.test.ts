/** Connections that a program takes over, as raw bytes. */

import { describe, expect, test } from 'vitest'
import { Client, get } from '../support/client.ts'
import { until } from '../support/wait.ts'
import { type ProgramOptions, type RunningProgram, WORKER_CLASSES, withProgram } from './support.ts'

const OFFER = ['Connection: Upgrade', 'Upgrade: upper'] as const
const ACCEPTED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: upper\r\n\r\n'

/** The bytes of a connection that has left HTTP. */
class Tunnel {
  readonly client: Client
  text = ''
  bytes = 0
  isEnded = false

  private constructor(client: Client) {
    this.client = client
    client.socket.removeAllListeners('data')
    client.socket.on('data', (bytes: Buffer) => {
      this.bytes += bytes.length
      if (this.bytes < 1_000_000) this.text += bytes.toString('latin1')
    })
    client.socket.removeAllListeners('end')
    client.socket.on('end', () => {
      this.isEnded = true
    })
  }

  static async open({ server }: RunningProgram, target = '/', more = ''): Promise<Tunnel> {
    const tunnel = new Tunnel(await Client.connect(server))
    await tunnel.client.write(get(target, ...OFFER) + more)
    return tunnel
  }

  async says(text: string): Promise<void> {
    await until(`the bytes ${text}`, () => this.text.endsWith(text)).catch((error: Error) => {
      throw new Error(`${error.message}; there are: ${this.text}`)
    })
  }

  ended(): Promise<void> {
    return until('the end', () => this.isEnded || this.client.socket.closed)
  }
}

describe.each(WORKER_CLASSES)('in a %s', (workerClass) => {
  const withUpgrade = (
    work: (program: RunningProgram) => Promise<void>,
    options: ProgramOptions = {},
  ): Promise<void> => withProgram('upgrade.mjs', { workerClass, ...options }, work)

  test('bytes go both ways, and each side ends by itself', async () => {
    await withUpgrade(async (program) => {
      const tunnel = await Tunnel.open(program, '/', 'together with the head')
      await tunnel.says(`${ACCEPTED}TOGETHER WITH THE HEAD`)
      await tunnel.client.write(' and later')
      await tunnel.says(' AND LATER')
      tunnel.client.end()
      await tunnel.says('BYE')
      await tunnel.ended()
      await program.noted(`close ${'together with the head and later'.length}`)
    })
  })

  test('a request without the offer, or with a body, is a request', async () => {
    await withUpgrade(async (program) => {
      expect(await program.text()).toBe('a request')
      const client = await Client.connect(program.server)
      client.expect('POST')
      const fields = ['Host: a', ...OFFER, 'Content-Length: 2', '', 'ab']
      await client.write(`POST / HTTP/1.1\r\n${fields.join('\r\n')}`)
      expect((await client.response()).body.toString()).toBe('a request')
      await client.leave()
    })
  })

  test('an offer is refused with an answer, which arrives although the socket is destroyed', async () => {
    await withUpgrade(async (program) => {
      for (const target of ['/refuse', '/destroy']) {
        const tunnel = await Tunnel.open(program, target)
        await tunnel.says('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n')
        await tunnel.ended()
        await tunnel.client.leave()
      }
    })
  })

  test('a listener that throws costs its connection alone', async () => {
    await withUpgrade(async (program) => {
      const other = await Tunnel.open(program)
      await other.says(ACCEPTED)
      const tunnel = await Tunnel.open(program, '/throw')
      await tunnel.ended()
      expect(tunnel.text).toBe('')
      await other.client.write('still here')
      await other.says('STILL HERE')
      await other.client.leave()
      expect(program.server.entries('ERROR')).toHaveLength(1)
      expect(program.server.entries('ERROR')[0]).toContain('RangeError: in the listener')
    })
  })

  test('a client that leaves is noticed', async () => {
    await withUpgrade(async (program) => {
      const polite = await Tunnel.open(program)
      await polite.says(ACCEPTED)
      await polite.client.leave()
      await program.noted('close 0')
      const rude = await Tunnel.open(program)
      await rude.says(ACCEPTED)
      await rude.client.write('12345')
      await rude.says('12345')
      await rude.client.reset()
      await program.noted('error ECONNRESET')
      await program.noted('close 5')
    })
  })

  test('a slow client holds the program back', async () => {
    await withUpgrade(async (program) => {
      const tunnel = await Tunnel.open(program, '/flood')
      tunnel.client.socket.pause()
      await until('the program to wait', () => program.notes.includes('waiting 1000000'))
      tunnel.client.socket.resume()
      await tunnel.ended()
      expect(tunnel.bytes).toBe(50_000_000)
      await tunnel.client.leave()
    })
  })

  test('a slow program holds its client back', async () => {
    await withUpgrade(async (program) => {
      const tunnel = await Tunnel.open(program, '/read-later')
      const large = Buffer.alloc(20_000_000, 'a')
      const written = tunnel.client.write(large)
      tunnel.client.end()
      await program.text('/read')
      await written
      await tunnel.says('read 20000000')
      await tunnel.client.leave()
    })
  })

  test('it stays while the server drains, up to graceful-timeout', async () => {
    await withUpgrade(
      async (program) => {
        const tunnel = await Tunnel.open(program)
        await tunnel.says(ACCEPTED)
        const stopped = program.server.stop('SIGTERM')
        await until('the drain', () => program.server.output.includes('Draining'))
        await tunnel.client.write('still here')
        await tunnel.says('STILL HERE')
        tunnel.client.end()
        await tunnel.ended()
        expect(await stopped).toBe(0)
      },
      { flags: ['--graceful-timeout', '20s'] },
    )
    await withUpgrade(
      async (program) => {
        const tunnel = await Tunnel.open(program)
        await tunnel.says(ACCEPTED)
        expect(await program.server.stop('SIGTERM')).toBe(0)
        await tunnel.ended()
      },
      { flags: ['--graceful-timeout', '1s'] },
    )
  })

  test('it is closed when the server closes all connections, and holds its close up until then', async () => {
    await withUpgrade(async (program) => {
      const tunnel = await Tunnel.open(program)
      await tunnel.says(ACCEPTED)
      expect(await program.text('/close')).toBe('closing')
      await tunnel.client.write('still here')
      await tunnel.says('STILL HERE')
      expect(program.notes).not.toContain('server closed')
      await tunnel.client.write('cut')
      await tunnel.ended()
      await program.noted('server closed')
    })
  })
})
