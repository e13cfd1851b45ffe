/** Threads that are started before it is known what they are to serve. */
import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { endThreads, startThreads, takeThread } from '../../dist/control/workers/threads.js'
import { Scratch } from '../support/scratch.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'

const APP = `
  import { threadId } from 'node:worker_threads'
  const { GIVEN, MONODON_HANDOVER } = process.env
  console.log('loaded by ' + JSON.stringify([threadId, GIVEN, MONODON_HANDOVER]))
  export default () => new Response('')`
const LISTS_MODULES = `console.log('has loaded ' + JSON.stringify(process.moduleLoadList))
  exports.app = () => {}`
const WRITES = `exports.app = () => {
    console.log('to stdout')
    console.error('to stderr')
    return new Response('')
  }`

let scratch: Scratch
beforeAll(() => {
  scratch = new Scratch()
  writeFileSync(scratch.path('app.mjs'), APP)
  writeFileSync(scratch.path('lists.cjs'), LISTS_MODULES)
  writeFileSync(scratch.path('writes.cjs'), WRITES)
})
afterAll(() => scratch.remove())

/** Of each time that a server has loaded the app: in which thread, and what two variables were. */
const loads = (server: SpawnedServer): unknown[] =>
  [...server.output.matchAll(/^loaded by (.*)$/gm)].map(([, text]) => JSON.parse(text!)).sort()

test('are the first workers, with the variables that the server has by then; others follow', async () => {
  const variables = { GIVEN: 'before', MONODON_HANDOVER: 'not understood' }
  const flags = ['--workers', '2', '--env', 'GIVEN=later']
  const server = await SpawnedServer.start('app.mjs', flags, variables, scratch.folder)
  const before = server.holdings
  await until('both to have loaded the app', () => loads(server).length === 2)
  expect(loads(server)).toEqual([
    [1, 'later', null],
    [2, 'later', null],
  ])
  server.child.kill('SIGHUP')
  await until('the workers to be replaced', () => loads(server).length === 4)
  expect(loads(server).slice(2)).toEqual([
    [3, 'later', null],
    [4, 'later', null],
  ])
  await server.released(before)
  expect(await server.stop()).toBe(0)
})

test.each([
  { spec: 'lists.cjs', unneeded: ['crypto', 'v8'] },
  // No program, which could want to fork.
  { spec: 'lists.cjs:app', unneeded: ['crypto', 'v8', 'cluster', 'child_process'] },
])('have loaded nothing yet that few apps ask for: $spec', async ({ spec, unneeded }) => {
  const server = await SpawnedServer.start(spec, ['--interface', 'node'], {}, scratch.folder)
  const loaded = /^has loaded (.*)$/m
  await until('the app to be loaded', () => loaded.test(server.output))
  const modules: string[] = JSON.parse(loaded.exec(server.output)![1]!)
  expect(modules).toContain('NativeModule http')
  for (const name of unneeded) expect(modules).not.toContain(`NativeModule ${name}`)
  expect(await server.stop()).toBe(0)
})

test('write to the descriptors of the process, each to its own', async () => {
  const server = await SpawnedServer.start('writes.cjs:app', [], {}, scratch.folder)
  const written = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    server.child[name]!.on('data', (bytes) => {
      written[name] += bytes
    })
  await fetch(`http://127.0.0.1:${server.port}/`)
  const count = (name: 'stdout' | 'stderr', text: string) => written[name].split(text).length - 1
  await until(
    'both to be written',
    () => count('stdout', 'to stdout') + count('stderr', 'to stderr') === 2,
  )
  expect([count('stdout', 'to stderr'), count('stderr', 'to stdout')]).toEqual([0, 0])
  expect(await server.stop()).toBe(0)
})

test('are taken once, in the order in which they were started, and not after they were ended', () => {
  startThreads(2)
  startThreads(2)
  const taken = [takeThread(1), takeThread(2)]
  startThreads(1)
  endThreads()
  const threads = [...taken, takeThread(3)]
  const [first, second, third] = threads.map(({ threadId }) => threadId)
  expect([second! - first!, third! - first!]).toEqual([1, 3])
  for (const thread of threads) void thread.terminate()
})
