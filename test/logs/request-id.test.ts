/** Ids of requests: who may give them, who gets them, and where they stand. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Client, get } from '../support/client.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { inFolder, stopped } from './files.ts'

/** Answers with the ids that it has got. */
const APP = `export default (request) => new Response(
  JSON.stringify([...request.headers].filter(([name]) => name.includes('id'))),
)`

/** Serves it; `work` gives the lines that the access log is to have at the end. */
async function served(
  flags: readonly string[],
  work: (client: Client) => Promise<readonly string[]>,
): Promise<void> {
  await inFolder(async (folder) => {
    writeFileSync(join(folder, 'app.mjs'), APP)
    const file = join(folder, 'access.log')
    const log = ['--access-logfile', file, '--access-logformat', '%(request_id)s %(s)s']
    const server = await SpawnedServer.start('app.mjs', [...log, ...flags], {}, folder)
    const before = server.holdings
    const client = await Client.connect(server)
    const lines = await work(client)
    await client.leave()
    await server.released(before)
    expect(await stopped(server, file)).toEqual(lines)
  })
}

describe('--request-id', () => {
  it('gives each request an id of its own, for the app, the log and the response', () =>
    served(['--request-id', '--request-id-response'], async (client) => {
      const ids: unknown[] = []
      for (let index = 0; index < 3; index++) {
        const response = await client.request('GET', get('/'))
        const [[, id]] = JSON.parse(String(response.body)) as [[string, string]]
        expect(id).toMatch(/^[0-9a-z]{20}$/)
        expect(response.fields).toContainEqual(['x-request-id', id])
        ids.push(id)
      }
      expect(new Set(ids).size).toBe(3)
      return ids.map((id) => `${id} 200`)
    }))

  it('keeps the id of a trusted proxy, unless it is none', () =>
    served(['--request-id', '--request-id-header', 'x-trace-id'], async (client) => {
      const seen = async (...fields: string[]) => {
        const response = await client.request('GET', get('/', ...fields))
        expect(response.fields.map(([name]) => name)).not.toContain('x-trace-id')
        return JSON.parse(String(response.body)) as [string, string][]
      }
      expect(await seen('X-Trace-Id: abc-1')).toEqual([['x-trace-id', 'abc-1']])
      const [[, made] = [], ...more] = await seen('X-Trace-Id: a b"')
      expect(made).toMatch(/^[0-9a-z]{20}$/)
      expect(more).toEqual([])
      return ['abc-1 200', `${made} 200`]
    }))

  it('takes no id from anybody else', () =>
    served(['--request-id', '--forwarded-allow-ips', '10.0.0.1'], async (client) => {
      const response = await client.request('GET', get('/', 'X-Request-Id: abc-1'))
      const [[, made] = []] = JSON.parse(String(response.body)) as [string, string][]
      expect(made).toMatch(/^[0-9a-z]{20}$/)
      return [`${made} 200`]
    }))

  it('is off: then the field is the client’s, and nothing is made', () =>
    served(['--request-id-response'], async (client) => {
      const response = await client.request('GET', get('/', 'X-Request-Id: abc-1'))
      expect(JSON.parse(String(response.body))).toEqual([['x-request-id', 'abc-1']])
      expect(String((await client.request('GET', get('/'))).body)).toBe('[]')
      return ['- 200', '- 200']
    }))
})
