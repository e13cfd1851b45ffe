/** Clients that leave at the wrong moment, 100,000 of them: nothing may be left behind. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFetchApp } from '../support/apps/fetch.ts'
import { createNodeApp } from '../support/apps/node.ts'
import { Watcher } from '../support/apps/probe.ts'
import { createWSGIApp } from '../support/apps/wsgi.ts'
import { Client, fetchOnce, get } from '../support/client.ts'
import { memory } from '../support/leaks.ts'
import { type Interface, startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/wait.ts'

/** Clients of a case: 3 interfaces with 3 cases each make 100,000. */
const CLIENTS = 11_112
/** Clients that leave before memory is measured: what grows once has grown by then. */
const WARM_UP = 1500
const TOGETHER = 64
/** Growth of JavaScript's memory over an interface's cases, in KiB: less than 64 bytes a client. */
const HEAP_GROWTH = 2048
/**
 * Growth of resident memory, in KiB: about 1 KiB a client. V8 and the native allocator take memory
 * in steps of up to 32 MiB, which one case or another pays for.
 */
const RESIDENT_GROWTH = 40_960

const APPS: Record<Interface, (watcher: Watcher) => unknown> = {
  wsgi: createWSGIApp,
  fetch: createFetchApp,
  node: createNodeApp,
}

/** What a client sends, and what it waits for before it leaves. */
interface Leaver {
  readonly bytes: string
  readonly hasBegun: (client: Client) => boolean
}

const CASES: Record<string, Leaver> = {
  'in the middle of its upload': {
    bytes: 'POST /p HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nten bytes.',
    hasBegun: () => true,
  },
  'before the answer': { bytes: get('/route/never'), hasBegun: () => true },
  'in the middle of its download': {
    bytes: get('/route/stream?chunks=1000&size=20000'),
    hasBegun: (client) => client.socket.bytesRead > 0,
  },
}

describe.each(['wsgi', 'fetch', 'node'] as const)('a client of a %s app leaves', (kind) => {
  const watcher = new Watcher()
  let server: TestServer
  let before: Memory
  beforeAll(async () => {
    server = await startServer(APPS[kind](watcher), { interface: kind })
    for (const leaver of Object.values(CASES)) await leaveOften(server, watcher, leaver, WARM_UP)
    before = memoryInUse()
  })
  afterAll(() => server.close())

  test.each(Object.entries(CASES))('%s', async (_, leaver) => {
    await leaveOften(server, watcher, leaver, CLIENTS - WARM_UP)
    for (const counter of ['queued', 'claimed', 'lent', 'connections'])
      await until(`no ${counter}`, () => server.count(counter) === 0)
    expect((await fetchOnce(server, '/route/early')).status).toBe(200)
  })

  test('and no memory is left behind', async () => {
    let growth = grown(before)
    if (growth.heap >= HEAP_GROWTH || growth.resident >= RESIDENT_GROWTH) {
      // Two steps may have come together. What is left behind grows by as much again.
      before = memoryInUse()
      for (const leaver of Object.values(CASES))
        await leaveOften(server, watcher, leaver, CLIENTS - WARM_UP)
      growth = grown(before)
    }
    expect(growth.heap).toBeLessThan(HEAP_GROWTH)
    expect(growth.resident).toBeLessThan(RESIDENT_GROWTH)
  })
})

/** `count` clients, some at a time, leave once the app was called and the leaver `hasBegun`. */
async function leaveOften(
  server: TestServer,
  watcher: Watcher,
  { bytes, hasBegun }: Leaver,
  count: number,
): Promise<void> {
  for (let left = count; left > 0; left -= TOGETHER) {
    watcher.reset()
    const width = Math.min(TOGETHER, left)
    const clients = await Promise.all(
      Array.from({ length: width }, async () => {
        const client = await Client.connect(server, ['GET'])
        void client.write(bytes)
        return client
      }),
    )
    await until('the app', () => watcher.calls.length === width && clients.every(hasBegun))
    await Promise.all(clients.map((client, index) => (index % 2 ? client.reset() : client.leave())))
  }
}

/** In KiB. */
interface Memory {
  /** Of JavaScript: objects, and what they hold outside of the heap. */
  readonly heap: number
  /** Of the process. */
  readonly resident: number
}

function grown(before: Memory): Memory {
  const now = memoryInUse()
  return { heap: now.heap - before.heap, resident: now.resident - before.resident }
}

/** After a garbage collection. */
function memoryInUse(): Memory {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return { heap: (heapUsed + external) / 1024, resident: memory('self', 'VmRSS') }
}
