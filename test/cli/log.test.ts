import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { PATIENCE_MS } from '../support/wait.ts'

const LOG = new URL('../../dist/log.js', import.meta.url).href
const ERRORS = new URL('../../dist/errors.js', import.meta.url).href

/** What `code` writes to stderr when it is run with the log's functions. */
function logged(code: string, env: Readonly<Record<string, string>> = {}): string {
  const source = `
    import { log, logError, logFault, setLogLevel, isLogged } from ${JSON.stringify(LOG)}
    import { MonodonError } from ${JSON.stringify(ERRORS)}
    ${code}`
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    timeout: PATIENCE_MS,
  })
  return stderr
}

describe('an entry', () => {
  it('has time, pid and level', () => {
    expect(logged("log('info', 'ready')")).toMatch(
      /^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\] \[\d+\] \[INFO\] ready\n$/,
    )
    expect(logged("log('info', 'ready')", { TZ: 'Asia/Kolkata' })).toContain(' +0530] ')
    expect(logged("log('info', 'ready')", { TZ: 'America/St_Johns' })).toMatch(/ -0[23]30\] /)
  })

  it('cannot be forged or drive a terminal', () => {
    expect(logged("log('info', 'a\\r\\nb\\x1b[31m\\0\\x9b\\u2028c\\td')")).toMatch(
      /\] a\n {4}b\\u001b\[31m\\u0000\\u009b\\u2028c\td\n$/,
    )
  })

  it('is left out below the level', () => {
    const all = "for (const level of ['debug', 'info', 'warning', 'error']) log(level, level)"
    const levels = (setup: string) => logged(setup + all).match(/\[[A-Z]+\]/g)
    expect(levels('')).toEqual(['[INFO]', '[WARNING]', '[ERROR]'])
    expect(levels("setLogLevel('debug');")).toEqual(['[DEBUG]', '[INFO]', '[WARNING]', '[ERROR]'])
    expect(levels("setLogLevel('error');")).toEqual(['[ERROR]'])
  })
})

describe('logError', () => {
  it('names code, request, worker, blame and what to do, with the stack', () => {
    const text = logged(`
      function handler() { throw new TypeError('no user') }
      try { handler() } catch (error) {
        logError(error, { method: 'GET', target: '/a?b', worker: 2 })
      }`)
    const [head, ...stack] = text.trimEnd().split('\n')
    expect(head).toMatch(
      /\[ERROR\] MONODON_APP_THREW GET \/a\?b: the app failed: TypeError: no user \(worker 2; blame: app; to do: see the stack\)$/,
    )
    expect(stack[0]).toBe('    TypeError: no user')
    expect(stack[1]).toMatch(/^ {8}at handler /)
    expect(stack.every((line) => line.startsWith('    '))).toBe(true)
  })

  it('shows the causes of an error', () => {
    expect(logged("logError(new Error('outer', { cause: new Error('inner') }))")).toMatch(
      /Error: outer\n[\s\S]*\[cause\]: Error: inner\n/,
    )
  })

  it.each([
    ["'text'", "the app failed: 'text' "],
    ['null', 'the app failed: null '],
    ['undefined', 'the app failed: undefined '],
    ['{ a: 1 }', 'the app failed: { a: 1 } '],
    [
      'new Proxy({}, { get() { throw 1 }, getPrototypeOf() { return Object.prototype } })',
      'the app failed: {} ',
    ],
    [
      'Object.defineProperty(new Error("x"), "message", { get() { throw 1 } })',
      'a value that cannot be shown',
    ],
    ['Object.create(null)', 'the app failed: [Object: null prototype] {} '],
  ])('survives %s', (value, message) => {
    expect(logged(`logError(${value}); log('info', 'alive')`)).toContain(message)
    expect(logged(`logError(${value}); log('info', 'alive')`)).toMatch(/\[INFO\] alive\n$/)
  })

  it('takes level and stack from the blame', () => {
    const client =
      "logError(new MonodonError('MONODON_BODY_TRUNCATED'), { method: 'PUT', target: '/' })"
    expect(logged(client)).toMatch(/^\[.*\[INFO\] MONODON_BODY_TRUNCATED PUT \/: .*\n$/)
    expect(logged(`setLogLevel('warning'); ${client}`)).toBe('')
    const app = "logError(new MonodonError('MONODON_BAD_HEADER', { detail: 'x-y' }))"
    expect(logged(app)).toMatch(/\[ERROR\] MONODON_BAD_HEADER: .*: x-y \(blame: app.*\n {8}at /)
  })

  it('logs a fault that native code has reported', () => {
    expect(
      logged("logFault('MONODON_QUEUE_FULL', { method: 'GET', target: '/' }, 'for 3 s')"),
    ).toMatch(
      /\[ERROR\] MONODON_QUEUE_FULL GET \/: .*: for 3 s \(blame: server; to do: add workers.*\)\n$/,
    )
  })
})

it('keeps the entries of several threads whole, also when the process ends at once', () => {
  // All of them fit into the socket: entries that find it full are dropped after a while.
  const text = logged(`
    const { Worker } = await import('node:worker_threads')
    const code = 'import(' + JSON.stringify(${JSON.stringify(LOG)}) + ').then(({ log }) => {' +
      'for (let i = 0; i < 60; i++) log("info", "x".repeat(300)) })'
    const workers = [1, 2].map(() => new Worker(code, { eval: true }))
    await Promise.all(workers.map((worker) => new Promise((done) => worker.on('exit', done))))
    log('info', 'last')
    process.exit(0)`)
  const lines = text.trimEnd().split('\n')
  expect(lines).toHaveLength(121)
  expect(
    lines.slice(0, 120).every((line) => /^\[.{25}\] \[\d+\] \[INFO\] x{300}$/.test(line)),
  ).toBe(true)
  expect(lines[120]).toMatch(/last$/)
})

it('drops entries rather than stop the process when stderr is full, and says how many', async () => {
  const code = `
    import { log } from ${JSON.stringify(LOG)}
    process.stderr._handle.setBlocking(false)
    for (let i = 0; i < 60; i++) log('error', 'y'.repeat(16384))
    process.stdout.write('alive')
    process.stdin.once('data', () => { log('info', 'after'); process.exit(0) })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code])
  await once(child.stdout, 'data')
  let text = ''
  child.stderr.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
  })
  // The child has written all that it could. Who reads has caught up when a turn of the event loop,
  // in which it looks at the pipe, brings nothing.
  let before: number
  do {
    before = text.length
    await sleep(20)
    await immediate()
  } while (text.length > before)
  child.stdin.write('x')
  await once(child, 'close')
  // Told once or, when there was room in between, several times.
  const told = text.matchAll(/^monodon: (\d+) log entries were lost: stderr was full$/gm)
  const lost = [...told].reduce((sum, [, count]) => sum + Number(count), 0)
  const whole = text.split('\n').filter((line) => /\[ERROR\] y{16384}$/.test(line)).length
  expect(lost).toBeGreaterThan(0)
  expect(lost + whole).toBe(60)
  expect(text).toMatch(/\[INFO\] after\n$/)
})
