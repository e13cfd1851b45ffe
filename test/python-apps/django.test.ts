/** Django: what in it depends on the server. */
import { expect, test } from 'vitest'
import { describePython } from '../support/python.ts'
import { until } from '../support/wait.ts'
import { cookiesOf, FILE, FrameworkApp, json, sha256, UPLOAD } from './framework.ts'

describePython('a Django project', () => {
  const app = new FrameworkApp('django_app.py:app')

  test('answers', async () => {
    const answer = await app.get('/')
    expect(answer).toMatchObject({ status: 200, framing: 'length' })
    expect(answer.body.toString()).toBe('Hello from Django!')
  })

  test('answers HEAD with the same head and no body', async () => {
    const answer = await app.head('/')
    expect(answer).toMatchObject({ status: 200, framing: 'none' })
    expect(answer.headers['content-length']).toBe('18')
  })

  test('streams with StreamingHttpResponse', async () => {
    const answer = await app.get('/stream?chunks=3')
    expect(answer).toMatchObject({ status: 200, framing: 'chunked' })
    expect(answer.body.toString()).toBe('0\n1\n2\n')
  })

  test('learns that the client has left its stream', async () => {
    app.watcher.reset()
    const client = await app.connect('GET')
    await client.write('GET /stream?chunks=100000&gap=5 HTTP/1.1\r\nHost: a\r\n\r\n')
    await until('the stream', () => client.bodyBytes > 0)
    await client.reset()
    await until('the generator to be closed', () => app.watcher.count('closed') === 1)
  })

  test('sends a file with FileResponse through the file wrapper, and closes it', async () => {
    app.watcher.reset()
    const answer = await app.get('/file')
    expect(answer).toMatchObject({ status: 200, framing: 'length' })
    expect(answer.body.equals(FILE)).toBe(true)
    expect(app.watcher.notes).toContain('file_wrapper')
    await until('the file to be closed', () => app.watcher.count('file closed') === 1)
  })

  test('takes a form with a file of 5 MB, which goes to disk', async () => {
    const answer = await app.upload('/upload', 'picture.bin', UPLOAD)
    expect(json(answer)).toEqual({
      name: 'picture.bin',
      title: 'A title',
      sha256: sha256(UPLOAD),
      'on disk': true,
    })
  })

  test('takes a form, but no more than DATA_UPLOAD_MAX_MEMORY_SIZE', async () => {
    expect(json(await app.form('/form', { a: 'b'.repeat(90_000) }))).toEqual({ a: 90_000 })
    expect((await app.form('/form', { a: 'b'.repeat(110_000) })).status).toBeOneOf([400, 413])
    expect((await app.post('/body', 'b'.repeat(110_000))).status).toBeOneOf([400, 413])
    expect((await app.get('/')).status).toBe(200)
  })

  test('keeps a session in cookies', async () => {
    const welcome = await app.form('/login', { name: 'Zoë' })
    const cookies = cookiesOf(welcome)
    expect(json(await app.get('/me', cookies))).toEqual({ name: 'Zoë', color: 'blue' })
    expect(json(await app.get('/me'))).toEqual({ name: null, color: null })
  })

  test('redirects', async () => {
    expect(await app.get('/redirect')).toMatchObject({ status: 302 })
  })

  test('sends 304 for what has not changed', async () => {
    const { etag } = (await app.get('/')).headers
    expect(etag).toBeDefined()
    expect(await app.get('/', `If-None-Match: ${etag}`)).toMatchObject({
      status: 304,
      framing: 'none',
    })
  })

  test('answers an exception with its own page', async () => {
    const answer = await app.get('/error')
    expect(answer.status).toBe(500)
    expect(answer.body.toString()).not.toContain('secret')
  })

  test('knows who asks, and how', async () => {
    expect(json(await app.get('/where?q=1'))).toEqual({
      url: 'http://localhost/where?q=1',
      address: '127.0.0.1',
      'is secure': false,
    })
    // Believed from 127.0.0.1, as --forwarded-allow-ips says.
    const forwarded = await app.get(
      '/where',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Host: example.com',
    )
    expect(json(forwarded)).toEqual({
      url: 'https://example.com/where',
      address: '127.0.0.1',
      'is secure': true,
    })
  })
})
