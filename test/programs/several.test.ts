/** Programs with several servers, in several workers. */

import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { fetchOnce } from '../support/client.ts'
import { until } from '../support/wait.ts'
import { WORKER_CLASSES, withProgram } from './support.ts'

/** A port that was free just now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function answerAt(port: number): Promise<string> {
  try {
    return (await fetchOnce({ host: '127.0.0.1', port }, '/')).body.toString()
  } catch {
    return 'nothing'
  }
}

describe.each(WORKER_CLASSES)('in workers in a %s', (workerClass) => {
  test('the first server is served, another opens its own socket in one worker', async () => {
    const port = await freePort()
    const options = { workerClass, flags: ['--workers', '3'], env: { FIGURES_PORT: String(port) } }
    await withProgram('several.mjs', options, async (program) => {
      expect(await program.text()).toBe('public')
      await until('the other', async () => (await answerAt(port)) === 'figures')
      const { output } = program.server
      expect(output).toContain(`The program's server on port ${port} opens its own socket`)
      expect(output).toContain(`The program's server on port ${port} waits: it is in use`)
      expect(program.serving).toContain('it listens on port 3000')
    })
    expect(await answerAt(port)).toBe('nothing')
  })

  test('the successor of a worker takes its port over', async () => {
    const port = await freePort()
    const env = { FIGURES_PORT: String(port) }
    await withProgram('several.mjs', { workerClass, env }, async (program) => {
      await until('the first worker', async () => (await answerAt(port)) === 'figures')
      program.server.child.kill('SIGHUP')
      await until('the reload', () => program.server.output.includes('Reloaded'))
      await until('its successor', async () => (await answerAt(port)) === 'figures')
      expect(await program.text()).toBe('public')
      expect(program.server.entries('ERROR')).toEqual([])
    })
  })

  test('workers that have served enough are replaced', async () => {
    const flags = ['--max-requests', '2']
    await withProgram('late.mjs', { workerClass, flags }, async (program) => {
      for (let count = 0; count < 6; count++) expect(await program.text()).toBe('late')
      await until('a successor', () => program.server.output.includes('follows worker 1'))
      expect(await program.text()).toBe('late')
    })
  })
})

test('--program-port chooses the server', async () => {
  const port = await freePort()
  const env = { FIGURES_PORT: String(port), SERVERS: 'figures,public' }
  await withProgram('several.mjs', { env }, async (program) => {
    expect(await program.text()).toBe('figures')
  })
  await withProgram('several.mjs', { env, flags: ['--program-port', '3000'] }, async (program) => {
    expect(await program.text()).toBe('public')
    await until('the other', async () => (await answerAt(port)) === 'figures')
  })
})

test('a second server on the same port, at another address, opens no socket', async () => {
  await withProgram('several.mjs', { env: { SERVERS: 'public,other' } }, async (program) => {
    expect(await program.text()).toBe('public')
    expect(program.server.output).not.toContain('opens its own socket')
  })
})

test('a server that listens for its errors hears that its port is taken', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => other.once('listening', resolve))
  const { port } = other.address() as AddressInfo
  const env = { FIGURES_PORT: String(port), SERVERS: 'public,heard' }
  await withProgram('several.mjs', { env }, async (program) => {
    await program.noted('EADDRINUSE')
    expect(await program.text()).toBe('public')
  })
  other.close()
})
