/** Flask and Werkzeug: what in them depends on the server. */
import { expect, test } from 'vitest'
import { describePython } from '../support/python.ts'
import { until } from '../support/wait.ts'
import { cookiesOf, FILE, FrameworkApp, json, sha256, UPLOAD } from './framework.ts'

describePython('a Flask app', () => {
  const app = new FrameworkApp('flask_app.py:app')

  test('answers', async () => {
    const answer = await app.get('/')
    expect(answer).toMatchObject({ status: 200, framing: 'length' })
    expect(answer.body.toString()).toBe('Hello from Flask!')
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8')
  })

  test('answers HEAD with the same head and no body', async () => {
    const answer = await app.head('/')
    expect(answer).toMatchObject({ status: 200, framing: 'none' })
    expect(answer.headers['content-length']).toBe('17')
  })

  test('routes by what the path means in UTF-8', async () => {
    expect(json(await app.get('/caf%C3%A9/%E2%82%AC%2Fb'))).toEqual({ rest: '€/b' })
  })

  test('streams with the request at hand', async () => {
    const answer = await app.get('/stream?chunks=3')
    expect(answer).toMatchObject({ status: 200, framing: 'chunked' })
    expect(answer.body.toString()).toBe('0 for 127.0.0.1\n1 for 127.0.0.1\n2 for 127.0.0.1\n')
  })

  test('streams while it still works, and learns that the client has left', async () => {
    app.watcher.reset()
    const client = await app.connect('GET')
    await client.write('GET /stream?chunks=100000&gap=5 HTTP/1.1\r\nHost: a\r\n\r\n')
    await until('the stream', () => client.bodyBytes > 0)
    await client.reset()
    await until('the generator to be closed', () => app.watcher.count('closed') === 1)
    await until('the teardown', () => app.watcher.count('teardown /stream') > 0)
  })

  test('sends a file through the file wrapper', async () => {
    app.watcher.reset()
    const answer = await app.get('/file')
    expect(answer).toMatchObject({ status: 200, framing: 'length' })
    expect(answer.body.equals(FILE)).toBe(true)
    expect(app.watcher.notes).toContain('file_wrapper')
    expect((await app.head('/file')).headers['content-length']).toBe(String(FILE.length))
  })

  test.each([
    ['bytes=0-0', 0, 1],
    ['bytes=65530-70000', 65_530, 70_001],
    ['bytes=1000000-', 1_000_000, FILE.length],
    ['bytes=-10', FILE.length - 10, FILE.length],
  ])('sends a part of a file: %s', async (range, begin, end) => {
    const answer = await app.get('/file', `Range: ${range}`)
    expect(answer).toMatchObject({ status: 206, framing: 'length' })
    expect(answer.headers['content-range']).toBe(`bytes ${begin}-${end - 1}/${FILE.length}`)
    expect(answer.body.equals(FILE.subarray(begin, end))).toBe(true)
  })

  test('refuses a part that is not there', async () => {
    expect((await app.get('/file', 'Range: bytes=2000000-')).status).toBe(416)
  })

  test('sends no file that the client has', async () => {
    const { etag } = (await app.get('/file')).headers
    const answer = await app.get('/file', `If-None-Match: ${etag}`)
    expect(answer).toMatchObject({ status: 304, framing: 'none' })
  })

  test('sends 304 for what has not changed', async () => {
    const { etag } = (await app.get('/etag')).headers
    expect(await app.get('/etag', `If-None-Match: ${etag}`)).toMatchObject({ status: 304 })
    expect((await app.get('/etag', 'If-None-Match: "other"')).status).toBe(200)
  })

  test('takes a form with a file of 5 MB', async () => {
    const answer = await app.upload('/upload', 'picture.bin', UPLOAD)
    expect(json(answer)).toEqual({ name: 'picture.bin', title: 'A title', sha256: sha256(UPLOAD) })
  })

  test.each(['post', 'chunked'] as const)('takes 5 MB in pieces (%s)', async (how) => {
    const answer =
      how === 'post'
        ? await app.post('/raw', UPLOAD.toString('latin1'))
        : await app.chunked('/raw', UPLOAD)
    expect(json(answer)).toEqual({ length: UPLOAD.length, sha256: sha256(UPLOAD) })
  })

  test('refuses more than MAX_CONTENT_LENGTH, with a length and without', async () => {
    const large = Buffer.alloc(6_000_001)
    expect((await app.post('/raw', large.toString('latin1'))).status).toBe(413)
    expect((await app.chunked('/raw', large)).status).toBe(413)
    expect((await app.get('/')).status).toBe(200)
  })

  test('reads JSON', async () => {
    const answer = await app.post('/json', '{"a":[1]}', 'Content-Type: application/json')
    expect(json(answer)).toEqual({ got: { a: [1] } })
  })

  test('keeps a session in cookies', async () => {
    const welcome = await app.form('/login', { name: 'Zoë' })
    expect(welcome.body.toString()).toBe('welcome')
    const cookies = cookiesOf(welcome)
    expect(cookies).toMatch(/color=blue/)
    expect(json(await app.get('/me', cookies))).toMatchObject({
      name: 'Zoë',
      cookies: { color: 'blue', size: 'café' },
    })
    expect(json(await app.get('/me'))).toEqual({ name: null, cookies: {} })
  })

  test('redirects', async () => {
    const answer = await app.get('/redirect')
    expect(answer.status).toBe(302)
    expect(answer.headers['location']).toBe('/')
  })

  test('answers errors with its own pages', async () => {
    const answer = await app.get('/error')
    expect(answer.status).toBe(500)
    expect(answer.body.toString()).not.toContain('secret')
    expect((await app.get('/teapot')).status).toBe(418)
    expect((await app.get('/nowhere')).status).toBe(404)
    expect((await app.get('/raw')).status).toBe(405)
  })

  test('sees through a proxy with ProxyFix', async () => {
    const forwarded = await app.get(
      '/where?q',
      ...['X-Forwarded-For: 192.0.2.7', 'X-Forwarded-Proto: https'],
      ...['X-Forwarded-Host: example.com', 'X-Forwarded-Prefix: /shop'],
    )
    expect(json(forwarded)).toEqual({
      url: 'https://example.com/shop/where?q',
      address: '192.0.2.7',
      root: '/shop',
    })
    expect(json(await app.get('/where'))).toEqual({
      url: 'http://localhost/where',
      address: '127.0.0.1',
      root: '',
    })
  })
})

describePython('a Flask app with threads', () => {
  const app = new FrameworkApp('flask_app.py:app', { threads: 8 })

  test('streams to eight clients at a time, each its own', async () => {
    // None goes on before all have begun.
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => app.get('/stream?chunks=10&meet=1')),
    )
    for (const answer of answers) expect(answer.body.toString().split('\n')).toHaveLength(11)
  })

  test('takes eight uploads at a time', async () => {
    const wanted = { length: UPLOAD.length, sha256: sha256(UPLOAD) }
    const answers = await Promise.all(Array.from({ length: 8 }, () => app.chunked('/raw', UPLOAD)))
    for (const answer of answers) expect(json(answer)).toEqual(wanted)
  })
})

describePython('a Flask app below a prefix', () => {
  const app = new FrameworkApp('flask_app.py:mounted', {
    rootPath: '/shop',
    forwardedHeaders: ['x-forwarded'],
  })

  test('makes links with the root path', async () => {
    const links = json(await app.get('/shop/links'))
    expect(links).toEqual(['/shop/where', 'http://localhost/shop/where'])
    expect(json(await app.get('/links'))).toEqual(['/where', 'http://localhost/where'])
  })

  test('makes links with what the proxy has removed, before that', async () => {
    const answer = await app.get(
      '/shop/links',
      ...['X-Forwarded-Prefix: /front', 'X-Forwarded-Proto: https'],
      'X-Forwarded-Host: shop.example',
    )
    expect(json(answer)).toEqual(['/front/shop/where', 'https://shop.example/front/shop/where'])
  })
})
