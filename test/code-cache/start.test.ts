/** Starts of a package of its own, and which of its files V8 took over from an earlier one. */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { Scratch } from '../support/scratch.ts'
import { COMMAND, SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'

/** Prints of each file that is compiled by way of `vm.Script` whether what was kept of it was taken. */
const TELLS = `
  const vm = require('node:vm')
  vm.Script = class Script extends vm.Script {
    constructor(source, options) {
      super(source, options)
      const took = options.cachedData !== undefined && !this.cachedDataRejected
      console.log('compiles ' + JSON.stringify([options.filename, took]))
    }
  }`
const APP = `export default () => new Response('served')`

let scratch: Scratch
let code: string
let compiled: string
beforeAll(() => {
  scratch = new Scratch()
  const dist = join(COMMAND, '../..')
  cpSync(dist, scratch.path('dist'), {
    recursive: true,
    filter: (path) => path !== join(dist, 'compiled'),
  })
  cpSync(join(dist, '../package.json'), scratch.path('package.json'))
  writeFileSync(scratch.path('tells.cjs'), TELLS)
  writeFileSync(scratch.path('app.mjs'), APP)
  code = scratch.path('dist')
  compiled = join(code, 'compiled')
})
afterAll(() => scratch.remove())
beforeEach(() => rmSync(compiled, { recursive: true, force: true }))

const env = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  NODE_OPTIONS: `--require ${JSON.stringify(scratch.path('tells.cjs'))}`,
  XDG_CACHE_HOME: scratch.path('user-cache'),
  ...more,
})

const start = (more?: NodeJS.ProcessEnv, flags: string[] = []): Promise<SpawnedServer> =>
  SpawnedServer.start('app.mjs', flags, env(more), scratch.folder, join(code, 'cli/main.js'))

/** Whether each file was taken over, by its name within the package's code. */
function taken(server: SpawnedServer): Record<string, boolean> {
  const lines = [...server.output.matchAll(/^compiles (.*)$/gm)]
  const told = lines.map(([, text]) => JSON.parse(text!) as [string, boolean])
  return Object.fromEntries(told.map(([path, took]) => [path.slice(code.length + 1), took]))
}

/** A start of which both the command and the worker keep their code. */
async function keep(flags?: string[]): Promise<void> {
  const server = await start({}, flags)
  await until(
    'the code to be kept',
    () => existsSync(compiled) && readdirSync(compiled).length === 2,
  )
  await server.stop()
}

async function answers(server: SpawnedServer): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${server.port}/`)
  expect(await response.text()).toBe('served')
  expect(await server.stop()).toBe(0)
}

test('a start keeps what it has compiled, and the next one takes all of it over', async () => {
  await keep()
  const server = await start()
  await answers(server)
  const files = taken(server)
  expect(Object.keys(files)).toEqual(
    expect.arrayContaining([
      'cli/run.js',
      'worker/main.js',
      'chunks/worker.js',
      'chunks/server.js',
    ]),
  )
  expect(Object.entries(files).filter(([, took]) => !took)).toEqual([])
})

test('so does a worker in a process', async () => {
  const flags = ['--worker-class', 'process']
  await keep(flags)
  const server = await start({}, flags)
  const files = taken(server)
  expect(files).toMatchObject({ 'worker/process.js': true, 'chunks/worker.js': true })
  expect(Object.values(files)).not.toContain(false)
  await answers(server)
})

test('what is damaged is not given to V8, and written anew', async () => {
  await keep()
  const [name] = readdirSync(compiled).filter((one) => one.startsWith('worker-'))
  const path = join(compiled, name!)
  const whole = readFileSync(path)
  const damaged = Buffer.from(whole)
  // In the code that was compiled of the last file.
  damaged.fill(0xff, whole.length / 2 - 2000, whole.length / 2 - 1000)
  writeFileSync(path, damaged)
  const server = await start()
  expect(taken(server)).toMatchObject({ 'chunks/worker.js': false, 'chunks/server.js': true })
  await until('it to be written anew', () => !readFileSync(path).equals(damaged))
  await answers(server)
})

test('what was compiled of other code of the same length is not taken', async () => {
  const file = join(code, 'chunks/server.js')
  const before = readFileSync(file, 'utf8')
  try {
    writeFileSync(file, before.replace('Draining: requests', 'DRAINING: REQUESTS'))
    await keep()
    writeFileSync(file, before)
    const server = await start()
    expect(taken(server)).toMatchObject({ 'chunks/server.js': false, 'chunks/worker.js': true })
    await answers(server)
    expect(server.output).toContain('Draining: requests')
  } finally {
    writeFileSync(file, before)
  }
})

test('what was compiled in another folder is not taken: it would name the files there', async () => {
  await keep()
  const before = code
  code = scratch.path('moved/dist')
  try {
    cpSync(before, code, { recursive: true })
    cpSync(scratch.path('package.json'), scratch.path('moved/package.json'))
    writeFileSync(scratch.path('throws.mjs'), `export default () => { throw new Error('boom') }`)
    const args = ['throws.mjs', [], env(), scratch.folder, join(code, 'cli/main.js')] as const
    const server = await SpawnedServer.start(...args)
    expect(Object.values(taken(server))).not.toContain(true)
    await fetch(`http://127.0.0.1:${server.port}/`)
    await until('the stack', () => server.output.includes('Error: boom\n'))
    await until('its frame', () => server.output.includes('throws.mjs:1'))
    await server.stop()
    expect(server.output).not.toContain(`${before}/`)
  } finally {
    code = before
  }
})

test('by MONODON_CODE_CACHE=0 nothing is kept or taken', async () => {
  await keep()
  const server = await start({ MONODON_CODE_CACHE: '0' })
  expect(taken(server)).toEqual({})
  await answers(server)
})

test('where the package’s folder cannot have it, the code is kept for this user', async () => {
  // A folder of that name cannot be made.
  writeFileSync(compiled, '')
  const folder = scratch.path('user-cache/monodon')
  const server = await start()
  await until('the code to be kept', () => existsSync(folder) && readdirSync(folder).length === 2)
  await answers(server)
  const next = await start()
  await answers(next)
  expect(Object.values(taken(next))).not.toContain(false)
})
