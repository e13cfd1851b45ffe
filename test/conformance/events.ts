/** Server-Sent Events: responses that stay open and say something now and then. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { eventText } from '../support/apps/probe.ts'
import { Client, fetchOnce, get } from '../support/client.ts'
import type { TestServer } from '../support/server.ts'
import type { Subject } from '../support/subject.ts'
import { parallel, until } from '../support/wait.ts'

/** How the app makes its events: each way a query of `/route/events`. */
export type Way = 'generator' | 'stream' | 'write'

const CLIENTS = 1000
/** Every timer of the server, in milliseconds, where a response outlives them. */
const SHORT = 300
const TIMERS = ['headerTimeout', 'keepAlive', 'bodyTimeout', 'sendTimeout'] as const

/** `create` gives a subject for each server that the suite starts. */
export function eventSuite(create: () => Subject, ways: readonly Way[]): void {
  const subject = create()
  describe.each(ways)(`Server-Sent Events of a ${subject.title} app, by %s`, (way) => {
    const { watcher, start } = way === ways[0] ? subject : create()
    let server: TestServer
    beforeAll(async () => {
      server = await start()
    })
    afterAll(() => server.close())
    beforeEach(() => watcher.reset())

    /** A client whose app has sent the first event and waits. */
    async function listen(at: TestServer = server, query = ''): Promise<Client> {
      const client = await Client.connect(at, ['GET'])
      await client.write(get(`/route/events?${way}${query}`))
      await until('the first event', () => client.bodyBytes >= eventText(0).length)
      return client
    }

    /** Waits until the app knows that so many clients have gone. */
    async function noticed(count: number): Promise<void> {
      await until('the app to notice', () => watcher.count('gone') === count)
      if (way === 'generator')
        await until('the generators to be over', () => watcher.count('returned') === count)
    }

    test('the head and the first event come at once, each other event by itself', async () => {
      const client = await Client.connect(server, ['GET'])
      let received = ''
      client.socket.on('data', (bytes) => {
        received += String(bytes)
      })
      await client.write(get(`/route/events?${way}`))
      await until('the first event', () => received.endsWith(chunk(0)))
      expect(received).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
      expect(received.toLowerCase()).toContain('content-type: text/event-stream\r\n')
      for (let number = 1; number < 4; number++) {
        await until('the app to wait', () => watcher.count('at the gate') === number)
        const before = received
        watcher.open()
        await until('the event', () => received.endsWith(chunk(number)))
        expect(received).toBe(before + chunk(number))
      }
      await client.leave()
      await noticed(1)
    })

    test.each(['leave', 'reset'] as const)(
      'the app notices that the client has gone: %s',
      async (how) => {
        const client = await listen()
        expect(watcher.count('gone')).toBe(0)
        await client[how]()
        await noticed(1)
      },
    )

    test('no timer cuts a response that says nothing', async () => {
      const timers = Object.fromEntries(TIMERS.map((timer) => [timer, `${SHORT}ms`]))
      const impatient = create()
      const at = await impatient.start(timers)
      const client = await listen(at)
      await sleep(4 * SHORT)
      impatient.watcher.open()
      const both = eventText(0).length + eventText(1).length
      await until('the second event', () => client.bodyBytes === both)
      await client.leave()
      await at.close()
    })

    test('a stop cuts it after graceful-timeout', async () => {
      const at = await create().start({ gracefulTimeout: `${SHORT}ms` })
      const client = await listen(at)
      await at.serving.close()
      await expect(client.response()).rejects.toThrow()
      await client.leave()
      await at.close()
    })

    test(`${CLIENTS} idle clients are held, hold up nobody, and leave nothing behind`, async () => {
      const clients: Client[] = []
      await parallel(Array(CLIENTS).keys(), 64, async () => {
        clients.push(await listen(server, '&idle'))
      })
      expect(server.count('claimed')).toBe(CLIENTS)
      expect((await fetchOnce(server, '/route/early')).body.toString()).toBe('early')
      expect(watcher.count('gone')).toBe(0)
      await Promise.all(clients.map((client, index) => client[index % 2 ? 'reset' : 'leave']()))
      await noticed(CLIENTS)
      for (const counter of ['connections', 'claimed', 'queued', 'lent'])
        await until(`no ${counter}`, () => server.count(counter) === 0)
    })
  })
}

/** An event in a chunk of its own (RFC 9112 section 7.1). */
function chunk(number: number): string {
  const text = eventText(number)
  return `${text.length.toString(16)}\r\n${text}\r\n`
}
