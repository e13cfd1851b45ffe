/** The error log as JSON, of every kind of worker, and what it never has. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fetchOnce } from '../support/client.ts'
import { SpawnedServer } from '../support/spawned.ts'

const JSON_LOG = ['--log-format', 'json']
/** Apps whose errors tell the URL that they were about. */
const APPS = {
  fetch: "export const app = ({ url }) => { throw new Error('cannot call ' + url) }",
  python: "def app(environ, _): raise ValueError('cannot call /a?' + environ['QUERY_STRING'])",
}

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'monodon-error-log-'))
  writeFileSync(join(folder, 'telltale.mjs'), APPS.fetch)
  writeFileSync(join(folder, 'telltale.py'), APPS.python)
})
afterAll(() => rmSync(folder, { recursive: true }))

/** The entries of a log in JSON. What the app has written itself is left out. */
function entriesOf(output: string): Record<string, unknown>[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

describe.each(['fetch', 'python'] as const)('--log-format json, %s', (kind) => {
  it('has an object a line, with code, request and stack, and without secrets', async () => {
    const server = await SpawnedServer.conformance(kind, JSON_LOG)
    const before = server.holdings
    await fetchOnce(server, '/route/throw?a=1&token=SECRET')
    await server.released(before)
    await server.stop()
    const entries = entriesOf(server.output)
    for (const { time, level, pid, message } of entries) {
      expect(new Date(String(time)).toISOString()).toBe(time)
      expect([level, pid, message]).toEqual([
        expect.stringMatching(/^(?:info|warning|error)$/),
        expect.any(Number),
        expect.any(String),
      ])
    }
    const [thrown, ...more] = entries.filter(({ code }) => code === 'MONODON_APP_THREW')
    expect(more).toEqual([])
    expect(thrown).toMatchObject({
      ...{ level: 'error', method: 'GET', target: '/route/throw?a=1&token=***', blame: 'app' },
      ...{ hint: expect.stringMatching(/^see the/), stack: expect.stringContaining('\n') },
    })
    expect(server.output).not.toContain('SECRET')
  })

  it('as text has no secrets either', async () => {
    const server = await SpawnedServer.conformance(kind)
    await fetchOnce(server, '/route/throw?a=1&token=SECRET')
    await server.stop()
    expect(server.output).toContain('MONODON_APP_THREW GET /route/throw?a=1&token=***: ')
    expect(server.output).not.toContain('SECRET')
  })

  it('shows where in the app it was, and not the way there', async () => {
    const server = await (kind === 'python'
      ? SpawnedServer.python('telltale:app', [], {}, folder)
      : SpawnedServer.start('telltale.mjs:app', [], {}, folder))
    await fetchOnce(server, '/a')
    await server.stop()
    const frames = server.output.split('\n').filter((line) => /^ +(?:at|File) /.test(line))
    expect(frames).toEqual([expect.stringContaining('telltale.')])
  })

  it.each(['text', 'json'])('as %s has none of what the app throws', async (format) => {
    const flags = ['--log-format', format]
    const server = await (kind === 'python'
      ? SpawnedServer.python('telltale:app', flags, {}, folder)
      : SpawnedServer.start('telltale.mjs:app', flags, {}, folder))
    await fetchOnce(server, '/a?token=SECRET')
    await server.stop()
    // In the message and in the stack.
    expect(server.output.match(/cannot call .*?\/a\?token=\*\*\*/g)).toHaveLength(2)
    expect(server.output).not.toContain('SECRET')
  })
})
