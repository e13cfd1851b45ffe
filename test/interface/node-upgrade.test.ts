/** The socket of an upgraded request, over an exchange in memory. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { describe, expect, it, vi } from 'vitest'
import { nodeInterface } from '../../lib/interface/node.ts'
import { FakeExchange, type FakeOptions } from '../support/fake-exchange.ts'
import { context } from '../support/node-context.ts'
import { until } from '../support/wait.ts'

const HEADERS = [
  ['host', 'a.test'],
  ['connection', 'Upgrade'],
  ['upgrade', 'echo'],
] as const

/** What a listener for `upgrade` is given, with types of what Node's sockets have beside streams. */
interface Upgraded {
  readonly req: IncomingMessage
  readonly socket: Socket
  readonly head: Buffer
  readonly exchange: FakeExchange
  readonly logged: unknown[]
}

function open(options: FakeOptions = {}): Upgraded {
  const given: Pick<Upgraded, 'req' | 'socket' | 'head'>[] = []
  const server = createServer().on('upgrade', (req, socket: Duplex, head) => {
    given.push({ req, socket: socket as Socket, head })
  })
  return { ...run(server, options), ...given[0]! }
}

function run(server: Server, options: FakeOptions): Pick<Upgraded, 'exchange' | 'logged'> {
  const logged: unknown[] = []
  const exchange = new FakeExchange({ headers: HEADERS, upgradable: true, ...options })
  nodeInterface(server, context(logged))(exchange)
  return { exchange, logged }
}

/** The events of a socket that was closed come on the next tick. */
async function closed(socket: Socket): Promise<void> {
  await until('close', () => socket.closed)
  await turn()
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('an upgradable request', () => {
  it('is emitted with its socket', () => {
    const { req, socket, head, exchange } = open({ target: '/chat', remoteAddress: '::9' })
    expect(exchange.sequence).toEqual(['upgrade'])
    expect(req).toMatchObject({ url: '/chat', method: 'GET', upgrade: true })
    expect(req.headers.upgrade).toBe('echo')
    expect(req.socket).toBe(socket)
    expect(head).toEqual(Buffer.alloc(0))
    expect(socket).toBeInstanceOf(Socket)
    expect(socket).toMatchObject({
      ...{ remoteAddress: '::9', remotePort: 50_000, remoteFamily: 'IPv6' },
      ...{ localAddress: '127.0.0.1', localPort: 8000, localFamily: 'IPv4' },
      ...{ connecting: false, pending: false, readyState: 'open', allowHalfOpen: true },
    })
    expect(socket.setNoDelay(true).setKeepAlive(true, 0).ref().unref()).toBe(socket)
  })

  it('is a request like others where nobody listens for upgrades', async () => {
    const server = createServer((req, res) => res.end(String(Reflect.get(req, 'upgrade'))))
    const { exchange } = run(server, {})
    await exchange.over
    expect(exchange.text).toBe('false')
  })

  it('is decided on by shouldUpgradeCallback, where the server has one', async () => {
    const server = createServer((_req, res) => res.end('refused'))
    const upgraded = vi.fn()
    server.on('upgrade', upgraded)
    Object.assign(server, { shouldUpgradeCallback: (req: IncomingMessage) => req.url === '/yes' })
    const { exchange } = run(server, { target: '/no' })
    await exchange.over
    expect(exchange.text).toBe('refused')
    run(server, { target: '/yes' })
    expect(upgraded).toHaveBeenCalledOnce()
  })

  it('is not one without the offer', async () => {
    const server = createServer((_req, res) => res.end('answered')).on('upgrade', () => {})
    const { exchange } = run(server, { upgradable: false })
    await exchange.over
    expect(exchange.text).toBe('answered')
  })

  it.each([
    ['throws', () => fail()],
    ['rejects', async () => fail()],
  ])('whose listener %s is cut, and the error logged', async (_, listener) => {
    const server = createServer().on('upgrade', listener)
    const { exchange } = run(server, {})
    await exchange.over
    expect(exchange.error).toEqual(new RangeError('in the listener'))
  })
})

function fail(): never {
  throw new RangeError('in the listener')
}

describe('the socket', () => {
  it('carries bytes both ways, and counts them', async () => {
    const { socket, exchange } = open()
    socket.on('data', (bytes: Buffer) => socket.write(`<${bytes}>`))
    socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n')
    exchange.push('one')
    await until('the echo', () => exchange.text.endsWith('<one>'))
    exchange.push('two')
    await until('the echo', () => exchange.text.endsWith('<one><two>'))
    expect(exchange.text).toBe('HTTP/1.1 101 Switching Protocols\r\n\r\n<one><two>')
    expect([socket.bytesRead, socket.bytesWritten]).toEqual([6, exchange.sent.length])
  })

  it('sends what was corked as one piece', () => {
    const { socket, exchange } = open()
    socket.cork()
    socket.write(Buffer.from([0x81, 2]))
    socket.write('hi')
    socket.uncork()
    expect(exchange.sequence).toEqual(['upgrade', 'write'])
    expect([...exchange.sent]).toEqual([0x81, 2, 0x68, 0x69])
  })

  it('stays open for writing when the client ends, and for reading when the app ends', async () => {
    const first = open()
    const ended = vi.fn()
    first.socket.on('end', ended)
    first.exchange.finishBody()
    await until('the end', () => ended.mock.calls.length > 0)
    expect(first.socket.readyState).toBe('writeOnly')
    first.socket.end('last words')
    await first.exchange.over
    expect(first.exchange.text).toBe('last words')
    expect(first.exchange.sequence).toEqual(['upgrade', 'write', 'end'])
    await closed(first.socket)

    const second = open()
    second.socket.end()
    await turn()
    expect(second.socket.readyState).toBe('readOnly')
    const heard = vi.fn()
    second.socket.on('data', heard)
    second.exchange.push('still here')
    await until('the data', () => heard.mock.calls.length > 0)
    second.exchange.finishBody()
    await closed(second.socket)
    expect(second.exchange.sequence).toEqual(['upgrade', 'end'])
  })

  it('holds a writer back until the client has read, and large chunks until they are sent', async () => {
    const { socket, exchange } = open({ highWater: 10, keepLent: true })
    const written = vi.fn()
    socket.write('more than ten', written)
    socket.write('waits', written)
    await turn()
    expect(written).not.toHaveBeenCalled()
    expect(exchange.text).toBe('more than ten')
    exchange.drain()
    await until('the writes', () => written.mock.calls.length === 2)
    expect(exchange.text).toBe('more than tenwaits')

    const lent = open({ keepLent: true })
    const buffer = Buffer.alloc(100_000, 'a')
    lent.socket.write(buffer, () => buffer.fill('b'))
    await turn()
    expect(buffer[0]).toBe(0x61)
    lent.exchange.giveBack()
    await until('the write', () => buffer[0] === 0x62)
    expect(lent.exchange.sent.every((byte) => byte === 0x61)).toBe(true)
  })

  it('reads no more than it is asked for', async () => {
    const { socket, exchange } = open()
    for (let count = 0; count < 10; count++) exchange.push(Buffer.alloc(64 * 1024))
    await turn()
    expect(socket.readableLength).toBeLessThanOrEqual(128 * 1024)
    let read = 0
    for await (const bytes of socket.iterator({ destroyOnReturn: false })) {
      read += bytes.length
      if (read === 640 * 1024) break
    }
    expect(socket.bytesRead).toBe(640 * 1024)
  })

  it('has listeners find the async context of the upgrade, whoever brings the bytes', async () => {
    const storage = new AsyncLocalStorage<string>()
    const { socket, exchange } = storage.run('upgrade', () => open())
    const found: unknown[] = []
    socket.on('data', () => found.push(storage.getStore()))
    await turn()
    storage.run('elsewhere', () => exchange.push('a'))
    exchange.push('b')
    await until('both', () => found.length === 2)
    expect(found).toEqual(['upgrade', 'upgrade'])
    socket.on('data', () => storage.enterWith('entered'))
    exchange.push('c')
    await until('the third', () => found.length === 3)
    expect(storage.getStore()).toBeUndefined()
  })

  it('raises what a listener throws, as Node does, and goes on', async () => {
    const { socket, exchange } = open()
    const listeners = process.rawListeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    const uncaught: unknown[] = []
    process.on('uncaughtException', (error) => uncaught.push(error))
    try {
      socket.on('data', (bytes) => {
        throw new Error(String(bytes))
      })
      await turn()
      exchange.push('first')
      await until('the error', () => uncaught.length === 1)
      exchange.push('second')
      await until('the next', () => uncaught.length === 2)
      expect(uncaught.map(String)).toEqual(['Error: first', 'Error: second'])
    } finally {
      process.removeAllListeners('uncaughtException')
      for (const listener of listeners) process.on('uncaughtException', listener as () => void)
    }
  })

  it('sends what was written before it is destroyed, and is closed at once for the app', async () => {
    const { socket, exchange } = open()
    socket.write('HTTP/1.1 401 Unauthorized\r\n\r\n')
    socket.destroy()
    await closed(socket)
    expect(exchange.sequence).toEqual(['upgrade', 'write', 'end'])
    // What the client sends is thrown away, until it closes.
    exchange.push('too late')
    exchange.finishBody()
    await exchange.over
    expect(exchange.finished).toBe(true)
    expect(socket.bytesRead).toBe(0)
  })

  it('that is destroyed waits no longer than its time for the client', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    try {
      const { socket, exchange } = open()
      socket.destroy()
      vi.runAllTimers()
      expect(exchange.sequence).toEqual(['upgrade', 'end', 'cut'])
    } finally {
      vi.useRealTimers()
    }
  })

  it('ends by destroySoon, and at once by resetAndDestroy', async () => {
    const soon = open()
    soon.socket.write('written')
    soon.socket.destroySoon()
    await closed(soon.socket)
    expect(soon.exchange.sequence).toEqual(['upgrade', 'write', 'end'])
    const reset = open()
    reset.socket.resetAndDestroy()
    await closed(reset.socket)
    expect(reset.exchange.sequence).toEqual(['upgrade', 'cut'])
  })

  it('is destroyed with ECONNRESET when the client resets it', async () => {
    const { socket, exchange } = open()
    const errors: Error[] = []
    socket.on('error', (error) => errors.push(error))
    exchange.abort()
    await closed(socket)
    expect(errors).toEqual([
      expect.objectContaining({ code: 'ECONNRESET', syscall: 'read', message: 'read ECONNRESET' }),
    ])
    // In Node it ends the process if nobody listens.
    const deaf = open()
    deaf.exchange.abort()
    await closed(deaf.socket)
  })

  it('tells when nothing has come or gone for the time that was set', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const { socket, exchange } = open()
      const timedOut = vi.fn()
      socket.setTimeout(1000, timedOut)
      vi.advanceTimersByTime(900)
      socket.write('progress')
      vi.advanceTimersByTime(900)
      exchange.push('progress')
      await turn()
      vi.advanceTimersByTime(900)
      expect(timedOut).not.toHaveBeenCalled()
      vi.advanceTimersByTime(100)
      expect(timedOut).toHaveBeenCalledOnce()
      expect(socket.destroyed).toBe(false)
      socket.setTimeout(0)
      vi.advanceTimersByTime(5000)
      expect(timedOut).toHaveBeenCalledOnce()
    } finally {
      vi.useRealTimers()
    }
  })

  it('goes with its request', async () => {
    const { req, socket, exchange } = open()
    req.destroy()
    await closed(socket)
    expect(exchange.finished).toBe(true)
  })
})
