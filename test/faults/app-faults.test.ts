/** What an app does wrong: the client gets the documented answer, the log one entry, and the next request is served. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client, get } from '../support/client.ts'
import type { Interface } from '../support/server.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'

const BEFORE_HEAD: Record<Interface, readonly string[]> = {
  wsgi: ['throw', 'reject', 'twice', 'bad-field', 'not-a-body', 'no-start', 'hop'],
  fetch: ['throw', 'reject', 'twice', 'bad-field', 'not-a-response'],
  node: ['throw', 'reject', 'bad-field'],
}

describe.each(['wsgi', 'fetch', 'node'] as const)('a %s app', (kind) => {
  let server: SpawnedServer
  beforeAll(async () => {
    server = await SpawnedServer.conformance(kind)
  })
  afterAll(async () => {
    expect(await server.stop()).toBe(0)
  })

  /** Runs `fault` and waits for the entries that it leaves in the log. */
  async function logged(fault: () => Promise<void>): Promise<string[]> {
    const before = server.entries('ERROR').length
    await fault()
    await until('an entry in the log', () => server.entries('ERROR').length > before)
    await nextIsServed()
    return server.entries('ERROR').slice(before)
  }

  async function nextIsServed(): Promise<void> {
    const client = await Client.connect(server)
    expect((await client.request('GET', get('/route/early'))).body.toString()).toBe('early')
    await client.leave()
  }

  test.each(BEFORE_HEAD[kind])('that fails with "%s" before the head gets 500', async (route) => {
    const entries = await logged(async () => {
      const client = await Client.connect(server)
      const answer = await client.request('GET', get(`/route/${route}`))
      expect(answer).toMatchObject({ status: 500, framing: 'length' })
      expect(answer.body.toString()).not.toMatch(/secret|AppFailure|\.ts/)
      expect((await client.request('GET', get('/route/early'))).status).toBe(200)
      await client.leave()
    })
    expect(entries).toHaveLength(1)
    expect(entries[0]).toMatch(/MONODON_[A-Z_]+/)
    expect(entries[0]).toContain(`GET /route/${route}`)
  })

  test.each(['throw', 'reject'])('that fails with "%s" has its stack in the log', async (route) => {
    const entries = await logged(async () => {
      const client = await Client.connect(server)
      await client.request('GET', get(`/route/${route}`))
      await client.leave()
    })
    expect(entries[0]).toContain('AppFailure: secret')
    expect(entries[0]).toMatch(/apps\/\w+\.ts/)
  })

  test('that breaks off is cut, so that the client sees it', async () => {
    const entries = await logged(async () => {
      const client = await Client.connect(server, ['GET'])
      await client.write(get('/route/break'))
      await expect(client.response()).rejects.toThrow(/ended/)
    })
    expect(entries).toHaveLength(1)
    expect(entries[0]).toContain('secret: broke off')
  })

  test('that sends less than its Content-Length is cut', async () => {
    const entries = await logged(async () => {
      const client = await Client.connect(server, ['GET'])
      await client.write(get('/route/length?declared=10&sent=5'))
      await expect(client.response()).rejects.toThrow(/ended/)
    })
    expect(entries).toHaveLength(1)
    expect(entries[0]).toMatch(/MONODON_\w*LENGTH/)
  })

  test('that sends more than its Content-Length harms no other response', async () => {
    const entries = await logged(async () => {
      const client = await Client.connect(server, ['GET', 'GET'])
      await client.write(get('/route/length?declared=5&sent=10') + get('/route/early'))
      const answer = await client.response().catch(() => undefined)
      if (answer !== undefined) expect(answer.body.toString()).toBe('xxxxx')
      const next = await client.response().catch(() => undefined)
      if (next !== undefined) expect(next.body.toString()).toBe('early')
      await client.leave()
    })
    expect(entries).toHaveLength(1)
    expect(entries[0]).toMatch(/MONODON_\w*LENGTH/)
  })

  test('that never answers holds nothing up', async () => {
    const client = await Client.connect(server, ['GET'])
    await client.write(get('/route/never'))
    await nextIsServed()
    await client.leave()
    await nextIsServed()
  })

  test('that fails under load fails for those requests only', async () => {
    const before = server.entries('ERROR').length
    const rounds = Array.from({ length: 20 }, async (_, index) => {
      const client = await Client.connect(server)
      for (let round = 0; round < 10; round += 1) {
        const route = (index + round) % 2 === 0 ? 'throw' : 'early'
        const answer = await client.request('GET', get(`/route/${route}`))
        expect(answer.status).toBe(route === 'throw' ? 500 : 200)
      }
      await client.leave()
    })
    await Promise.all(rounds)
    await until('the log', () => server.entries('ERROR').length >= before + 100)
    expect(server.entries('ERROR')).toHaveLength(before + 100)
  })
})

test('a node app that ends twice is as good as one that ends once', async () => {
  const server = await SpawnedServer.conformance('node')
  const client = await Client.connect(server)
  expect((await client.request('GET', get('/route/twice'))).body.toString()).toBe('once')
  expect((await client.request('GET', get('/route/early'))).body.toString()).toBe('early')
  await client.leave()
  expect(await server.stop()).toBe(0)
})

describe.each(['fetch', 'wsgi', 'node'] as const)('an error of a %s app', (kind) => {
  const ask = async (flags: readonly string[], ...fields: string[]) => {
    const server = await SpawnedServer.conformance(kind, flags)
    const client = await Client.connect(server)
    const answer = await client.request('GET', get('/route/throw', ...fields))
    await client.leave()
    expect(await server.stop()).toBe(0)
    expect(answer.status).toBe(500)
    return { type: answer.headers['content-type'], text: answer.body.toString() }
  }

  test.each([
    ['*/*', 'text/plain; charset=utf-8'],
    ['text/html', 'text/html; charset=utf-8'],
    ['application/json', 'application/json'],
  ])('is shown to who accepts %s with --dev', async (accept, type) => {
    const answer = await ask(['--dev'], `Accept: ${accept}`)
    expect(answer.type).toBe(type)
    expect(answer.text).toContain('secret: thrown')
    expect(answer.text).toContain(`test/support/apps/${kind}.ts:`)
  })

  test('is shown to nobody without', async () => {
    const { text } = await ask([], 'Accept: text/html')
    expect(text).not.toContain('secret')
  })
})
