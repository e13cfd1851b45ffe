/** Programs of frameworks that listen by themselves, unmodified, started by the command. */
import { expect, test } from 'vitest'
import { fetchOnce } from '../support/client.ts'
import { nextBuild } from './support/next-build.ts'
import { WORKER_CLASSES, withProgram } from './support/program.ts'

const PROGRAMS = [
  ['express.cjs', 'express'],
  ['wrapped-express.mjs', 'wrapped express'],
  ['koa.mjs', 'koa'],
  ['fastify.mjs', 'fastify'],
  ['nest.mjs', 'nest'],
  ['hono.mjs', 'hono'],
  ['h3.mjs', 'h3'],
]
const CASES = PROGRAMS.flatMap(([name = '', hello = '']) =>
  WORKER_CLASSES.map((workerClass) => [name, workerClass, hello] as const),
)

test.each(CASES)('%s in a %s', async (name, workerClass, hello) => {
  await withProgram(name, workerClass, async (server) => {
    const answer = await fetchOnce(server, '/')
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.body.toString())).toMatchObject({ hello })
    expect(server.output).toContain('it listens on port 3000, in place of which --bind is used')
    expect(server.output).not.toContain('opens its own socket')
  })
})

test('a listener around an Express app gives it what it expects', async () => {
  await withProgram('wrapped-express.mjs', 'thread', async (server) => {
    expect((await fetchOnce(server, '/health')).body.toString()).toBe('healthy')
    const response = await fetch(`http://127.0.0.1:${server.port}/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"a":1}',
    })
    expect(await response.json()).toEqual({ sent: { a: 1 } })
  })
})

test.each(WORKER_CLASSES)(
  "Next's own server in a %s",
  { timeout: 300_000 },
  async (workerClass) => {
    const env = { NEXT_BUILD: nextBuild(), NEXT_TELEMETRY_DISABLED: '1' }
    await withProgram(
      'next.mjs',
      workerClass,
      async (server) => {
        const page = await fetchOnce(server, '/users/42')
        expect(page.status).toBe(200)
        expect(page.headers['x-config']).toBe('yes')
        expect((await fetchOnce(server, '/api/echo?a=1')).status).toBe(200)
      },
      { env },
    )
  },
)
