/** What a server of node:http does that monodon serves: as in Node, or as docs/programs.md says. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Client, fetchOnce, get, post } from '../support/client.ts'
import { until } from '../support/wait.ts'
import { type RunningProgram, runCommand, WORKER_CLASSES, withProgram } from './support.ts'

describe('listen', () => {
  const inOrder = ['returned true', 'listening true', 'callback true']
  const afterLookUp = ['returned false', ...inOrder.slice(1)]
  test.each([
    ['nothing', inOrder.slice(0, 2), 'any port'],
    ['callback', inOrder, 'any port'],
    ['port', inOrder.slice(0, 2), 'port 3000'],
    ['text', inOrder, 'port 3000'],
    ['signal', inOrder, 'port 3000'],
    ['path', inOrder, 'the path /nowhere/program.sock'],
    ['modes', inOrder, 'the path /nowhere/program.sock'],
    ['descriptor', inOrder, 'descriptor 99'],
    // Node looks the host up first, also an address.
    ['host', afterLookUp, 'port 3000'],
    ['backlog', afterLookUp, 'port 3000'],
    ['options', afterLookUp, 'port 3000'],
  ])('takes %s', async (signature, order, place) => {
    await withProgram('listens.mjs', { args: [signature] }, async (program) => {
      const { port } = program.server
      const address = { address: '127.0.0.1', family: 'IPv4', port }
      await until('the callback', async () => {
        const seen = await program.json()
        return (seen.order as unknown[]).length === order.length
      })
      expect(await program.json()).toEqual({ order, address })
      expect(program.serving).toContain(`it listens on ${place}`)
    })
  })

  test('refuses what Node refuses', () => {
    expect(runCommand('listens.mjs', ['--', 'wrong']).output).toContain(
      'options.port should be >= 0 and < 65536. Received type number (70000)',
    )
  })
})

const STAYS_CLOSED = 'this worker takes no requests until it listens again'

describe.each(WORKER_CLASSES)('in a %s, a server', (workerClass) => {
  const withLifecycle = (
    work: (program: RunningProgram) => Promise<void>,
    args: readonly string[] = [],
  ): Promise<void> =>
    withProgram('lifecycle.mjs', { workerClass, args, flags: ['--queue-timeout', '1s'] }, work)

  test('that closes finishes what it holds, takes nothing more and then says so', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'monodon-programs-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const release = join(folder, 'release')
    await withLifecycle(
      async (program) => {
        const holding = program.text('/hold')
        await until('the request', async () => (await program.text('/count')) === 'null 2')
        expect(await program.text('/close')).toBe('closing')
        await program.noted('closing false')
        expect((await fetchOnce(program.server, '/unref')).status).toBe(503)
        writeFileSync(release, '')
        expect(await holding).toBe('released')
        await program.noted('closed undefined false null')
        expect(program.notes.at(-2)).toBe('close')
        await until('the warning', () => program.server.output.includes(STAYS_CLOSED))
      },
      [release],
    )
  })

  test('that closes may listen again', async () => {
    await withLifecycle(async (program) => {
      for (const round of [1, 2]) {
        expect(await program.text('/again')).toBe('closing')
        await until('it to listen', () => program.notes.length === 3 * round)
        expect(program.notes.slice(-3)).toEqual(['close', 'closed', 'again true true'])
        expect(await program.text('/count')).toBe('null 1')
      }
      expect(program.server.output).not.toContain(STAYS_CLOSED)
    })
  })

  test('that is disposed closes, and cannot be closed again', async () => {
    await withLifecycle(async (program) => {
      await program.text('/dispose')
      await program.noted('disposed')
      await program.noted('ERR_SERVER_NOT_RUNNING')
    })
  })

  test('cannot listen twice', async () => {
    await withLifecycle(async (program) => {
      expect(await program.text('/twice')).toBe('ERR_SERVER_ALREADY_LISTEN')
    })
  })

  test('cuts what it holds by closeAllConnections', async () => {
    await withLifecycle(async (program) => {
      const client = await Client.connect(program.server)
      const held = client.request('GET', get('/hold'))
      await until('the request', async () => (await program.text('/count')) === 'null 2')
      const cutter = await Client.connect(program.server)
      expect((await cutter.request('GET', get('/cut'))).status).toBe(500)
      expect((await held).status).toBe(500)
      await program.noted('closed a response')
      await client.leave()
      await cutter.leave()
      expect(await program.text('/count')).toBe('null 1')
    })
  })

  test('takes what concerns connections, which are not its own', async () => {
    await withLifecycle(async (program) => {
      expect(await program.text('/unref')).toBe('true')
      expect(await program.text('/idle')).toBe('idle')
      expect(await program.text('/settings')).toBe('1 1')
      expect(await program.text('/settings')).toBe('1 1')
      expect(program.notes).toEqual([])
    })
  })
})

describe('requests', () => {
  test('are emitted: to all listeners, by whoever has replaced emit', async () => {
    await withProgram('events.mjs', {}, async (program) => {
      expect(await program.json('/')).toEqual({ order: ['first', 'second'], traced: true })
      expect(await program.text('/socket')).toBe('true')
      expect(await program.text('/again')).toBe('stored')
    })
  })

  test.each(['/throw', '/throw-at-once'])(
    'that a listener fails are answered 500: %s',
    async (path) => {
      await withProgram('events.mjs', {}, async (program) => {
        const client = await Client.connect(program.server)
        expect((await client.request('GET', get(path))).status).toBe(500)
        expect((await client.request('GET', get('/socket'))).body.toString()).toBe('true')
        await client.leave()
        expect(program.server.entries('ERROR')).toHaveLength(1)
        expect(program.server.entries('ERROR')[0]).toMatch(/RangeError: (?:rejected|thrown)/)
      })
    },
  )

  test('that nobody listens for are answered 404', async () => {
    await withProgram('deaf.mjs', {}, async (program) => {
      const client = await Client.connect(program.server)
      expect((await client.request('GET', get('/'))).status).toBe(404)
      await client.leave()
    })
  })

  test('that expect 100 Continue go to checkContinue, which gives it', async () => {
    await withProgram('events.mjs', { args: ['continue'] }, async (program) => {
      const client = await Client.connect(program.server)
      client.expect('POST')
      const [head = '', body = ''] = post('/', 'hello', 'Expect: 100-continue').split('\r\n\r\n')
      await client.write(`${head}\r\n\r\n`)
      await until('100 Continue', () => client.interims.length > 0)
      await client.write(body)
      expect((await client.response()).body.toString()).toBe('continued hello')
      expect(client.interims.map(({ status }) => status)).toEqual([100])
      // Others are requests as always.
      expect((await client.request('GET', get('/socket'))).body.toString()).toBe('true')
      client.expect('POST')
      await client.write(`${head}\r\nX-Refuse: yes\r\n\r\n`)
      expect((await client.response()).status).toBe(413)
      expect(client.interims).toHaveLength(1)
      await client.leave()
    })
  })

  test('that are not valid are answered by native code', async () => {
    await withProgram('events.mjs', {}, async (program) => {
      const invalid = await Client.connect(program.server)
      expect((await invalid.request('GET', 'GET / HTTP/1.1\r\n\r\n')).status).toBe(400)
      await invalid.leave()
      const expecting = await Client.connect(program.server)
      const odd = get('/', 'Expect: the-unexpected')
      expect((await expecting.request('GET', odd)).status).toBe(417)
      await expecting.leave()
      expect(program.notes).toEqual([])
    })
  })
})
