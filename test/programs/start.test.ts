/** What makes a file a program, and how it starts. */

import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { serve } from 'monodon'
import { describe, expect, test } from 'vitest'
import { until } from '../support/wait.ts'
import { runCommand, WORKER_CLASSES, withProgram } from './support.ts'

const HAS_META_MAIN = execFileSync(
  process.execPath,
  ['--input-type=module', '--eval', "process.stdout.write(String('main' in import.meta))"],
  { encoding: 'utf8' },
).endsWith('true')
const APPS = fileURLToPath(new URL('apps/', import.meta.url))

describe.each(WORKER_CLASSES)('in a %s', (workerClass) => {
  test('a program of CommonJS is the main module, and has its arguments', async () => {
    const args = ['--flag', 'value']
    await withProgram('main.cjs', { workerClass, args }, async (program) => {
      const { port } = program.server
      expect(await program.json()).toEqual({
        main: true,
        argv: [`${APPS}main.cjs`, ...args],
        execPath: process.execPath,
        listening: true,
        address: '127.0.0.1',
        family: 'IPv4',
        port,
      })
      expect(program.serving).toBe(
        'Serving test/programs/apps/main.cjs by the node interface: it listens on port 3000, in place of which --bind is used (--interface overrides)',
      )
    })
  })

  test.each([
    ['guard.mjs', 'guarded'],
    ['typed.ts', 'hello from TypeScript'],
    ['late.mjs', 'late'],
    ['awaits.mjs', 'awaits'],
  ])('%s listens', async (name, answer) => {
    await withProgram(name, { workerClass }, async (program) => {
      expect(await program.text()).toBe(answer)
    })
  })

  test('import.meta.main is true where Node has it', async () => {
    if (HAS_META_MAIN)
      await withProgram('meta-main.mjs', { workerClass }, async (program) => {
        expect(await program.text()).toBe('meta-main.mjs:6')
      })
    else
      expect(runCommand('meta-main.mjs', ['--worker-class', workerClass]).output).toContain(
        'it has nothing left to do, but has not called listen',
      )
  })

  test.each([
    [
      'ends.mjs',
      [],
      3,
      ['MONODON_APP_NOT_FOUND', 'it exports: number (5)', 'has not called listen'],
    ],
    ['hangs.mjs', [], 3, ['the import of test/programs/apps/hangs.mjs has not ended']],
    ['forever.mjs', ['--listen-timeout', '300ms'], 3, ['MONODON_APP_NOT_LISTENING', 'number (5)']],
    ['exits.mjs', [], 3, ['MONODON_APP_EXITED', 'exit code 4']],
    ['rejects.mjs', [], 3, ['RangeError: no database']],
    ['throws-after.mjs', [], 3, ['MONODON_APP_NOT_LOADED', 'after it has listened']],
    ['tls.mjs', [], 3, ['MONODON_LISTEN_TLS', 'end TLS before monodon']],
    ['http2.mjs', [], 3, ['MONODON_LISTEN_HTTP2', 'use http.createServer']],
    ['forks.cjs', [], 3, ['MONODON_APP_FORKS', '--workers']],
    ['forks.mjs', [], 3, ['MONODON_APP_FORKS', '--workers']],
  ] as const)('%s does not start, and it is told why', (name, flags, status, texts) => {
    const run = runCommand(name, ['--worker-class', workerClass, ...flags])
    for (const text of texts) expect(run.output).toContain(text)
    expect(run.status).toBe(status)
  })

  test('process.exit ends its worker alone', async () => {
    const flags = ['--workers', '2']
    await withProgram('exits-later.mjs', { workerClass, flags }, async (program) => {
      await program.text('/exit')
      expect(await program.text()).toMatch(/^alive/)
      const errors = () => program.server.entries('ERROR').join()
      await until('the log to say so', () => errors().includes('exit code 0'))
    })
  })

  test('a program may go to the folder where it is', async () => {
    const cwd = process.cwd()
    await withProgram('folder.mjs', { workerClass, args: [cwd] }, async (program) => {
      expect(await program.text()).toBe(cwd)
    })
  })

  test('the program goes before what it exports, unless that is named', async () => {
    await withProgram('both.mjs', { workerClass }, async (program) => {
      expect(await program.text()).toBe('listened')
      expect(program.serving).toContain('its export "default" is not used unless it is named')
    })
    await withProgram('both.mjs:api', { workerClass }, async (program) => {
      expect(await program.text()).toBe('exported')
      expect(program.serving).toContain('by the fetch interface')
      expect(program.server.output).toContain('The server on port 3000 gets no requests')
    })
    await withProgram(
      'both.mjs',
      { workerClass, flags: ['--interface', 'fetch'] },
      async (program) => {
        expect(await program.text()).toBe('exported')
        expect(program.serving).toBe(
          'Serving test/programs/apps/both.mjs by the fetch interface: --interface says so',
        )
      },
    )
  })

  test('an app that was named is served although a server of its module closes', async () => {
    await withProgram('closes-early.mjs:app', { workerClass }, async (program) => {
      await program.noted('closed')
      expect(await program.text()).toBe('exported')
    })
  })

  test('an app that listens later is served by what it listens with from then on', async () => {
    await withProgram('takes-over.mjs', { workerClass }, async (program) => {
      expect(await program.text()).toBe('exported')
      expect(await program.text('/listen')).toBe('exported')
      expect(await program.text()).toBe('listened')
    })
  })
})

test('a program in a thread cannot go to another folder', () => {
  const run = runCommand('folder.mjs', ['--', '/'])
  expect(run.output).toContain('process.chdir() is not supported in workers')
  expect(run.status).toBe(3)
})

test.each([
  ['both.mjs:api', []],
  ['both.mjs', ['--interface', 'fetch']],
])('arguments are for programs, which %s with %j is not', (name, flags) => {
  const run = runCommand(name, [...flags, '--', '--flag'])
  expect(run.output).toContain('--flag: arguments are for a program')
  expect(run.status).toBe(2)
})

test.each([
  ['main.cjs', 0, 'OK: the server on port 3000 of '],
  ['late.mjs', 0, 'OK: the server on port 3000 of '],
  ['both.mjs', 0, 'OK: the server on port 3000 of '],
  ['ends.mjs', 3, 'has not called listen'],
  ['tls.mjs', 3, 'MONODON_LISTEN_TLS'],
])('--check-config of %s listens nowhere', (name, status, text) => {
  const run = runCommand(name, ['--check-config'])
  expect(run.output).toContain(text)
  expect(run.status).toBe(status)
})

test.each(WORKER_CLASSES)('serve() runs a program in a %s', async (workerClass) => {
  const server = await serve('test/programs/apps/guard.mjs', {
    bind: '127.0.0.1:0',
    workerClass,
    logLevel: 'error',
  })
  const response = await fetch(server.url)
  expect(await response.text()).toBe('guarded')
  await server.close()
})
