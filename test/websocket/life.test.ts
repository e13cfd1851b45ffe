/** Servers that stop, workers that are replaced or die, with WebSockets open. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FileWatcher } from '../support/file-watcher.ts'
import { memory } from '../support/leaks.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { parallel, until } from '../support/wait.ts'
import { type Carrier, closing, OPCODE, SocketClient } from '../support/websocket-client.ts'
import { APP } from './subjects.ts'

const THREADS = ['--interface', 'fetch']
const PROCESSES = [...THREADS, '--worker-class', 'process']
const KINDS = [
  ['threads', THREADS],
  ['processes', PROCESSES],
] as const
const CASES = [
  ...KINDS.map((kind) => [...kind, 'HTTP/1.1'] as const),
  ['threads', THREADS, 'HTTP/2'],
] as const

let server: SpawnedServer
let watcher: FileWatcher
let carrier: Carrier
beforeEach(() => {
  carrier = 'HTTP/1.1'
  watcher = new FileWatcher()
})
afterEach(async () => {
  expect(await server.stop()).toBe(0)
  watcher.remove()
})

const start = async (...flags: string[]): Promise<void> => {
  server = await SpawnedServer.start(APP, flags, watcher.env)
}
const open = (target: string) => SocketClient.open(server, target, {}, carrier)
const noted = (event: string) => until(event, () => watcher.notes.includes(event))

/** Sockets of both workers, with who answers on each. */
async function ofBothWorkers(): Promise<Map<SocketClient, string>> {
  const clients = new Map<SocketClient, string>()
  await until('a socket of each worker', async () => {
    const client = await open('/who')
    await client.text('?')
    clients.set(client, await client.said())
    return clients.size >= 6 && new Set(clients.values()).size === 2
  })
  return clients
}

/** The sockets of one worker end, those of the other go on. */
async function outliveOne(clients: Map<SocketClient, string>, gone: string): Promise<void> {
  for (const [client, who] of clients) {
    if (who === gone) {
      await client.ended()
    } else {
      await client.text('?')
      expect(await client.said()).toBe(who)
      expect(await client.close()).toEqual([1000, ''])
    }
  }
}

/** Answers the server's close frame. */
async function answer(client: SocketClient, code: number): Promise<void> {
  await client.send(OPCODE.close, closing(code))
  await client.ended()
}

describe.each(CASES)('with workers in %s %j over %s', (_, flags, over) => {
  beforeEach(() => {
    carrier = over
  })

  test('a server that stops says goodbye with 1001', async () => {
    await start(...flags, '--workers', '2')
    const clients = await Promise.all(Array.from({ length: 4 }, () => open('/echo')))
    for (const client of clients) {
      await client.text('a')
      expect(await client.said()).toBe('a')
    }
    server.child.kill('SIGTERM')
    for (const client of clients) {
      expect(await client.closeFrame()).toEqual([1001, 'the server is going down'])
      await answer(client, 1001)
    }
    expect(await server.stop()).toBe(0)
    const heard = watcher.notes.filter((note) => note.startsWith('close'))
    expect(heard).toEqual(Array(4).fill('close 1001 - clean true'))
    expect(server.entries('ERROR')).toEqual([])
  })

  test('a server that stops sends first what was sent before', async () => {
    await start(...flags)
    const client = await open('/flood?size=50000&count=30')
    client.socket.pause()
    await client.text('go')
    await until('the flood', () => watcher.notes.some((note) => note.startsWith('buffered')))
    server.child.kill('SIGTERM')
    client.socket.resume()
    for (let i = 0; i < 30; i++)
      expect((await client.message()).bytes.equals(Buffer.alloc(50_000, i))).toBe(true)
    expect((await client.closeFrame())[0]).toBe(1001)
    await answer(client, 1001)
    expect(await server.stop()).toBe(0)
  })

  test('a server that stops does not wait for clients for ever', async () => {
    await start(...flags, '--graceful-timeout', '1s')
    const client = await open('/echo')
    server.child.kill('SIGTERM')
    expect((await client.closeFrame())[0]).toBe(1001)
    // It says nothing.
    expect(await server.stop()).toBe(0)
    await client.ended()
  })

  test('HUP closes with 1012, and who connects again meets the new worker', async () => {
    // Beside this file, where the app finds monodon by its name.
    const folder = mkdtempSync(fileURLToPath(new URL('.app-', import.meta.url)))
    const app = join(folder, 'app.mjs')
    const write = (text: string): void =>
      writeFileSync(
        app,
        `import { upgradeWebSocket } from 'monodon'
         export default (request) => {
           const { socket, response } = upgradeWebSocket(request)
           socket.onmessage = () => socket.send('${text}')
           return response
         }`,
      )
    write('old')
    try {
      server = await SpawnedServer.start(app, [...flags, '--workers', '2'], watcher.env)
      const clients = await Promise.all(Array.from({ length: 6 }, () => open('/')))
      for (const client of clients) {
        await client.text('?')
        expect(await client.said()).toBe('old')
      }
      write('new')
      server.child.kill('SIGHUP')
      for (const client of clients) {
        expect(await client.closeFrame()).toEqual([1012, 'the worker is being replaced'])
        await answer(client, 1012)
      }
      await until('the new worker', async () => {
        const client = await open('/')
        await client.text('?')
        const said = await client.said()
        if (said === 'new') await client.close()
        else await client.leave()
        return said === 'new'
      })
      expect(server.entries('ERROR')).toEqual([])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('a worker that has served its requests closes with 1012', async () => {
    await start(...flags, '--workers', '1', '--max-requests', '3')
    const clients = [await open('/echo'), await open('/echo')]
    for (const client of clients) {
      await client.text('still')
      expect(await client.said()).toBe('still')
    }
    const last = await open('/echo')
    for (const client of [...clients, last]) {
      expect((await client.closeFrame())[0]).toBe(1012)
      await answer(client, 1012)
    }
    const next = await open('/echo')
    expect(await next.close()).toEqual([1000, ''])
  })

  test('a socket that opens while its worker leaves is closed too', async () => {
    await start(...flags, '--workers', '1')
    const opening = open('/gate')
    await noted('at the gate')
    server.child.kill('SIGHUP')
    // Its successor answers by then.
    await until('the successor', async () => {
      const client = await open('/who')
      await client.text('?')
      await client.said()
      const end = await Promise.race([client.frame(), sleep(200)])
      await client.leave()
      return end === undefined
    })
    watcher.open()
    const client = await opening
    expect((await client.closeFrame())[0]).toBe(1012)
    await answer(client, 1012)
    const next = await open('/echo')
    expect(await next.close()).toEqual([1000, ''])
  })

  test('a worker that ends takes its sockets with it, and nothing else', async () => {
    await start(...flags, '--workers', '2')
    const clients = await ofBothWorkers()
    const [victim] = clients.keys()
    await victim!.text('exit')
    await outliveOne(clients, clients.get(victim!)!)
    const next = await open('/echo')
    expect(await next.close()).toEqual([1000, ''])
    const theirs = [...clients.values()].filter((who) => who === clients.get(victim!))
    const lost = () => server.entries('ERROR').filter((entry) => entry.includes('/who'))
    await until('the log', () => lost().length === theirs.length)
    for (const entry of lost()) expect(entry).toContain('MONODON_WORKER_DIED')
  })
})

test('a worker that is killed takes its sockets with it, and nothing else', async () => {
  await start(...PROCESSES, '--workers', '2')
  const clients = await ofBothWorkers()
  const [who] = clients.values()
  process.kill(Number.parseInt(who!, 10), 'SIGKILL')
  await outliveOne(clients, who!)
})

describe.each(KINDS)('many sockets with workers in %s', (_, flags) => {
  test('a message goes to 1,000 clients', async () => {
    await start(...flags, '--workers', '1')
    const clients: SocketClient[] = []
    await parallel(Array(1000).keys(), 32, async () => {
      clients.push(await open('/room'))
    })
    await clients[0]!.text('to all of you')
    await Promise.all(
      clients.map(async (client) => expect(await client.said()).toBe('to all of you')),
    )
    await parallel(clients, 32, async (client) => {
      expect(await client.close()).toEqual([1000, ''])
    })
    expect(server.entries('ERROR')).toEqual([])
  })

  test('10,000 that come and go leave nothing behind', async () => {
    await start(...flags, '--workers', '1')
    const visit = async (number: number): Promise<void> => {
      const client = await open('/echo')
      await client.text(`I am ${number}`)
      expect(await client.said()).toBe(`I am ${number}`)
      if (number % 3 === 0) await client.leave()
      else await client.close()
    }
    const resident = (): number =>
      [server.pid, ...server.workers].reduce((sum, pid) => sum + memory(pid, 'RssAnon'), 0)
    // What grows once has grown by then.
    await parallel(Array(3000).keys(), 16, visit)
    const before = { holdings: server.holdings, resident: resident() }
    await parallel(Array(10_000).keys(), 16, visit)
    await until(
      'the last to be forgotten',
      () => server.holdings.descriptors.length <= before.holdings.descriptors.length + 2,
    )
    await server.released(before.holdings)
    // Less than 2 KiB a client: V8 takes memory in steps.
    expect(resident() - before.resident).toBeLessThan(20_000)
  })

  test('a client that reads slowly costs no memory of the server', async () => {
    await start(...flags, '--workers', '1', '--limit-websocket-backlog', '4mb')
    const client = await open('/echo')
    client.socket.pause()
    const before = memory(server.pid, 'VmRSS')
    for (let i = 0; i < 400; i++) void client.send(OPCODE.binary, Buffer.alloc(100_000))
    await until('the cut', () => server.output.includes('MONODON_WEBSOCKET_BACKLOG'))
    expect(memory(server.pid, 'VmHWM') - before).toBeLessThan(64 * 1024)
    await client.leave()
  })
})
