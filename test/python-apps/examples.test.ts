/** The examples start with the one command of their README, in their folder and environment. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Client, fetchOnce, get, post } from '../support/client.ts'
import { describePython, FRAMEWORKS_MS, frameworks } from '../support/python.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { cookiesOf, json, sha256, UPLOAD } from './framework.ts'

const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url))

/** `monodon APP` in the folder of an example, with the virtual environment activated. */
function example(folder: string, app: string): { readonly server: SpawnedServer } {
  const holder = {} as { server: SpawnedServer }
  beforeAll(async () => {
    const python = await frameworks()
    const env = { VIRTUAL_ENV: join(python, '../..'), PYTHONDONTWRITEBYTECODE: '1' }
    holder.server = await SpawnedServer.start(app, [], env, join(EXAMPLES, folder))
  }, FRAMEWORKS_MS)
  afterAll(async () => {
    expect(await holder.server.stop()).toBe(0)
  })
  return holder
}

describePython('examples/flask', () => {
  const holder = example('flask', 'app:app')

  test('says hello', async () => {
    expect((await fetchOnce(holder.server, '/')).body.toString()).toBe('Hello from Flask!')
  })

  test('streams', async () => {
    const answer = await fetchOnce(holder.server, '/stream?lines=2')
    expect(answer.framing).toBe('chunked')
    expect(answer.body.toString()).toBe('line 1 of 2 for 127.0.0.1\nline 2 of 2 for 127.0.0.1\n')
  })

  test('takes an upload', async () => {
    const client = await Client.connect(holder.server)
    const answer = await client.request('POST', post('/upload', UPLOAD.toString('latin1')))
    expect(json(answer)).toEqual({ bytes: UPLOAD.length, sha256: sha256(UPLOAD) })
    await client.leave()
  })

  test('takes its time', async () => {
    expect((await fetchOnce(holder.server, '/slow?seconds=0.1')).body.toString()).toContain('0.1 s')
  })
})

describePython('examples/django', () => {
  const holder = example('django', 'guestbook.wsgi:application')

  test('is healthy', async () => {
    expect(json(await fetchOnce(holder.server, '/health'))).toEqual({ status: 'ok' })
  })

  test('takes an entry and shows it', async () => {
    const client = await Client.connect(holder.server)
    const page = await client.request('GET', get('/'))
    const token = /name="csrfmiddlewaretoken" value="(\w+)"/.exec(page.body.toString())?.[1] ?? ''
    const form = new URLSearchParams({ csrfmiddlewaretoken: token, name: 'Zoë', text: 'Hello!' })
    const type = 'Content-Type: application/x-www-form-urlencoded'
    const cookie = cookiesOf(page)
    const done = await client.request('POST', post('/', form.toString(), type, cookie))
    expect(done).toMatchObject({ status: 302 })
    const after = await client.request('GET', get('/', cookiesOf(done)))
    expect(after.body.toString()).toContain('Zoë')
    await client.leave()
  })

  test('serves its static files', async () => {
    const page = (await fetchOnce(holder.server, '/')).body.toString()
    const style = /href="(\/static\/[^"]+\.css)"/.exec(page)?.[1]
    expect(style).toBeDefined()
    const answer = await fetchOnce(holder.server, style!)
    expect(answer.status).toBe(200)
    expect(answer.headers['content-type']).toMatch(/^text\/css/)
    expect(answer.body.length).toBeGreaterThan(0)
  })
})
