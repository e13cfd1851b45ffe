/** What the arbiter does on signals and by its options, for workers of each kind. */
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fetchOnce } from '../support/client.ts'
import { describePython } from '../support/python.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'

let folder: string
let server: SpawnedServer

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'monodon-arbiter-'))
})
afterEach(async () => {
  expect(await server.stop()).toBe(0)
  rmSync(folder, { recursive: true })
})

/** An app in each language that answers with a text and a variable, and can hang, or wait for a file. */
const javascript = (text: string): string =>
  `import { existsSync, writeFileSync } from 'node:fs'
   import { setTimeout as sleep } from 'node:timers/promises'
   export default async (request) => {
     if (request.url.endsWith('/loop')) for (;;) {}
     if (request.url.endsWith('/hold')) writeFileSync('held', '')
     while (request.url.endsWith('/hold') && !existsSync('release')) await sleep(10)
     return new Response(${JSON.stringify(text)} + (process.env.GREETING ?? ''))
   }`
const python = (text: string): string =>
  `import os, time
def app(environ, start_response):
    if environ['PATH_INFO'] == '/hold':
        open('held', 'w').close()
    while environ['PATH_INFO'] == '/hold' and not os.path.exists('release'):
        time.sleep(0.01)
    while environ['PATH_INFO'] == '/loop':
        pass
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [(${JSON.stringify(text)} + os.environ.get('GREETING', '')).encode()]`

interface Kind {
  readonly file: string
  readonly app: string
  readonly flags: readonly string[]
  readonly source: (text: string) => string
}

const THREAD: Kind = { file: 'app.mjs', app: 'app.mjs', flags: [], source: javascript }
const PROCESS: Kind = { ...THREAD, flags: ['--worker-class', 'process'] }
const PYTHON: Kind = { file: 'app.py', app: 'app:app', flags: [], source: python }

const write = (kind: Kind, text: string): void =>
  writeFileSync(join(folder, kind.file), kind.source(text))

async function start(kind: Kind, ...flags: string[]): Promise<void> {
  write(kind, 'old')
  const all = [...kind.flags, ...flags]
  server =
    kind === PYTHON
      ? await SpawnedServer.python(kind.app, all, {}, folder)
      : await SpawnedServer.start(kind.app, all, {}, folder)
}

const text = async (path = '/'): Promise<string> => (await fetchOnce(server, path)).body.toString()

/** Asks without a break until `done`; every answer must be whole. */
async function keepAsking(done: () => boolean): Promise<string[]> {
  const answers: string[] = []
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      while (!done()) {
        const answer = await fetchOnce(server, '/')
        expect(answer.status).toBe(200)
        answers.push(answer.body.toString())
      }
    }),
  )
  return answers
}

function suite(kind: Kind): void {
  test('HUP loads the app anew and loses no request', async () => {
    await start(kind, '--workers', '2')
    expect(await text()).toBe('old')
    write(kind, 'new')
    server.child.kill('SIGHUP')
    const answers = await keepAsking(() => server.output.includes('Reloaded'))
    expect(new Set(answers).size).toBeLessThanOrEqual(2)
    await until('the old workers to go', async () => (await text()) === 'new')
  })

  test('a worker that was followed takes no more, while it finishes what it holds', async () => {
    await start(kind)
    const held = text('/hold')
    await until('the request to be held', () => existsSync(join(folder, 'held')))
    write(kind, 'new')
    server.child.kill('SIGHUP')
    const isNew = async () => (await text()) === 'new'
    await until('the new worker to answer', isNew)
    // The old one may take some more before it reads that it is to stop.
    await until('it to answer alone', async () => {
      for (let i = 0; i < 50; i++) if (!(await isNew())) return false
      return true
    })
    for (let i = 0; i < 50; i++) expect(await text()).toBe('new')
    writeFileSync(join(folder, 'release'), '')
    expect(await held).toBe('old')
  })

  test('HUP with code that does not load leaves the old workers serving', async () => {
    await start(kind)
    writeFileSync(join(folder, kind.file), kind === PYTHON ? 'import nowhere' : 'export default 7')
    server.child.kill('SIGHUP')
    await until('the failure to be logged', () => server.output.includes('goes on, as its succ'))
    expect(await text()).toBe('old')
  })

  test('a worker that hangs is ended with 504 for what it held', async () => {
    await start(kind, '--timeout', '1s')
    expect((await fetchOnce(server, '/loop')).status).toBe(504)
    expect(await text()).toBe('old')
    const hung = server.entries('ERROR').filter((entry) => entry.includes('MONODON_WORKER_HUNG'))
    expect(hung.join()).toMatch(/GET \S*\/loop, held for \d+\.\d s by worker 1/)
    expect(server.output).not.toContain('MONODON_WORKER_DIED')
  })

  test('--env is seen by the app', async () => {
    await start(kind, '-e', 'GREETING=, hello=x,y')
    expect(await text()).toBe('old, hello=x,y')
  })
}

describe('workers in threads', () => suite(THREAD))
describe('workers in processes', () => suite(PROCESS))
describePython('workers in Python', () => suite(PYTHON))

describe.each([
  ['a thread', THREAD],
  ['a process', PROCESS],
])('TERM lets %s finish what goes on in the background', (_, kind) => {
  const file = (): string => join(folder, 'done')

  beforeEach(async () => {
    const app = `import { writeFileSync } from 'node:fs'
      export default { fetch(request, server) {
        server.waitUntil(new Promise((resolve) => setTimeout(resolve, 1800))
          .then(() => writeFileSync(${JSON.stringify(file())}, 'yes')))
        return new Response('begun')
      } }`
    writeFileSync(join(folder, 'app.mjs'), app)
    server = await SpawnedServer.start('app.mjs', kind.flags, {}, folder)
  })

  test('when it serves', async () => {
    expect(await text()).toBe('begun')
    expect(await server.stop()).toBe(0)
    expect(readFileSync(file(), 'utf8')).toBe('yes')
    expect(server.entries('ERROR')).toEqual([])
  })

  test('when it has a successor', async () => {
    expect(await text()).toBe('begun')
    server.child.kill('SIGHUP')
    await until('the successor', () => server.output.includes('Reloaded'))
    expect(await server.stop()).toBe(0)
    expect(readFileSync(file(), 'utf8')).toBe('yes')
    expect(server.entries('ERROR')).toEqual([])
  })
})

describe('a worker that only waits for longer than --timeout is not ended', () => {
  const TIMEOUT_MS = 2000

  beforeEach(async () => {
    writeFileSync(
      join(folder, 'app.mjs'),
      `export default async () => {
         console.log('begun')
         await new Promise((resolve) => setTimeout(resolve, ${2.5 * TIMEOUT_MS}))
         return new Response('waited')
       }`,
    )
    const flags = ['--timeout', `${TIMEOUT_MS}ms`]
    server = await SpawnedServer.start('app.mjs', flags, {}, folder)
  })

  test('since it answers when it is asked', async () => {
    expect(await text()).toBe('waited')
    expect(server.entries('ERROR')).toEqual([])
  })

  test('nor when nobody could ask, as the server was stopped', async () => {
    const answer = text()
    await until('the request', () => server.output.includes('begun'))
    server.child.kill('SIGSTOP')
    await sleep(1.5 * TIMEOUT_MS)
    server.child.kill('SIGCONT')
    expect(await answer).toBe('waited')
    expect(server.entries('ERROR')).toEqual([])
  })
})

describePython.each([1, 4])('TERM lets a Python app with %i threads', (threads) => {
  test('finish what it does after its response', async () => {
    const file = join(folder, 'done')
    const app = `import time
class Body(list):
    def close(self):
        time.sleep(1.8)
        open(${JSON.stringify(file)}, 'w').close()

def app(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return Body([b'begun'])`
    writeFileSync(join(folder, 'app.py'), app)
    server = await SpawnedServer.python('app:app', ['--threads', String(threads)], {}, folder)
    expect(await text()).toBe('begun')
    expect(await server.stop()).toBe(0)
    expect(existsSync(file)).toBe(true)
    expect(server.entries('ERROR')).toEqual([])
  })
})

describe.each([
  ['a thread', THREAD],
  ['a process', PROCESS],
])('a second signal ends %s', (_, kind) => {
  test.each([
    ['what holds a request', '/never'],
    ['what goes on in the background', '/background'],
  ])('with %s', async (_, path) => {
    const app = `const never = new Promise(() => {})
      export default { fetch(request, server) {
        console.log('begun')
        if (request.url.endsWith('/never')) return never
        server.waitUntil(never)
        return new Response('begun')
      } }`
    writeFileSync(join(folder, 'app.mjs'), app)
    const flags = [...kind.flags, '--graceful-timeout', '10m']
    server = await SpawnedServer.start('app.mjs', flags, {}, folder)
    const answer = fetchOnce(server, path).catch(() => undefined)
    await until('the app', () => server.output.includes('begun'))
    const stopped = server.stop()
    await until('the first', () => server.output.includes('Draining'))
    server.child.kill('SIGTERM')
    expect(await stopped).toBe(0)
    await answer
  })
})

test('USR1 opens the log files anew', async () => {
  await start(THREAD, '--access-logfile', 'access.log', '--error-logfile', 'error.log')
  const read = (name: string): string => {
    try {
      return readFileSync(join(folder, name), 'utf8')
    } catch {
      return ''
    }
  }
  await fetchOnce(server, '/first')
  await until('the first line', () => read('access.log').includes('"GET /first HTTP/1.1" 200 3'))
  for (const name of ['access.log', 'error.log'])
    renameSync(join(folder, name), join(folder, `${name}.1`))
  server.child.kill('SIGUSR1')
  await until('the new error log', () => read('error.log').includes('opened anew'))
  await until('the new access log', async () => {
    await fetchOnce(server, '/second')
    return read('access.log').includes('/second')
  })
  expect(read('error.log.1')).toContain('Listening at')
  expect(read('access.log.1')).toContain('/first')
})

test('--pid names the process while it runs', async () => {
  await start(THREAD, '--pid', 'monodon.pid')
  const file = join(folder, 'monodon.pid')
  expect(readFileSync(file, 'utf8')).toBe(`${server.pid}\n`)
  await server.stop()
  expect(() => readFileSync(file)).toThrow('ENOENT')
})

describe('a file that cannot be written', () => {
  beforeEach(async () => start(THREAD)) // for `afterEach`

  test.each(['--pid', '--access-logfile', '--error-logfile'])(
    '%s stops the start',
    async (flag) => {
      const path = join(folder, 'no/such/folder')
      await expect(SpawnedServer.start('app.mjs', [flag, path], {}, folder)).rejects.toThrow(
        'MONODON_FILE_NOT_WRITABLE',
      )
    },
  )
})
