/** What a file is answered with: methods, types, conditions, parts, siblings, how long it is kept. */

import { utimesSync } from 'node:fs'
import { connect as connectH2, type IncomingHttpHeaders } from 'node:http2'
import { gunzipSync, gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import type { TestServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { ask, isApps, newSite, serveSite } from './site.ts'

const THEN = new Date('2020-02-02T02:02:02Z')
const DIGITS = '0123456789'

/** The same request over HTTP/2. */
async function askH2(
  server: TestServer,
  path: string,
  fields: Record<string, string> = {},
  method = 'GET',
): Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }> {
  const session = connectH2(`http://${server.host}:${server.port}`)
  const stream = session.request({ ':path': path, ':method': method, ...fields })
  let headers: IncomingHttpHeaders = {}
  const pieces: Buffer[] = []
  stream.on('response', (found) => {
    headers = found
  })
  stream.on('data', (bytes: Buffer) => pieces.push(bytes))
  await until('the end of the stream', () => stream.closed)
  session.destroy()
  return { status: Number(headers[':status']), headers, body: Buffer.concat(pieces) }
}

test('GET and HEAD have the same head; OPTIONS tells the methods, all others are refused', async () => {
  const server = await serveSite(newSite())
  const got = await ask(server, '/s/a.txt')
  expect(got).toMatchObject({
    status: 200,
    headers: {
      'content-type': 'text/plain; charset=utf-8',
      'content-length': '7',
      'accept-ranges': 'bytes',
      'cache-control': 'no-cache',
      server: 'monodon',
    },
  })
  expect(got.headers).not.toHaveProperty('vary')
  const head = await ask(server, '/s/a.txt', [], 'HEAD')
  const { date: _1, ...gotFields } = got.headers
  const { date: _2, ...headFields } = head.headers
  expect(headFields).toEqual(gotFields)
  expect(await ask(server, '/s/a.txt', [], 'OPTIONS')).toMatchObject({
    status: 204,
    headers: { allow: 'GET, HEAD, OPTIONS' },
  })
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH'])
    expect(await ask(server, '/s/a.txt', ['Content-Length: 0'], method)).toMatchObject({
      status: 405,
      headers: { allow: 'GET, HEAD, OPTIONS', 'content-length': '0' },
    })
  await server.close()
})

test('an empty file is whole', async () => {
  const site = newSite()
  site.write('empty.txt', '')
  const server = await serveSite(site)
  expect(await ask(server, '/s/empty.txt')).toMatchObject({
    status: 200,
    headers: { 'content-length': '0' },
  })
  expect((await ask(server, '/s/empty.txt', ['Range: bytes=0-'])).status).toBe(416)
  await server.close()
})

test.each([
  ['small', 1],
  ['large', 100_000],
])('conditions are judged by the tag and the date of a %s file', async (_, repeats) => {
  const site = newSite()
  const file = site.write('f.txt', DIGITS.repeat(repeats))
  utimesSync(file, THEN, THEN)
  const server = await serveSite(site)
  const { etag, 'last-modified': modified } = (await ask(server, '/s/f.txt')).headers as Record<
    string,
    string
  >
  expect(etag).toMatch(/^"[\w-]+"$/)
  expect(modified).toBe(THEN.toUTCString())
  const before = new Date(THEN.getTime() - 1000).toUTCString()
  for (const [field, status] of [
    [`If-None-Match: ${etag}`, 304],
    [`If-None-Match: W/${etag}`, 304],
    ['If-None-Match: *', 304],
    ['If-None-Match: "x"', 200],
    [`If-Modified-Since: ${modified}`, 304],
    [`If-Modified-Since: ${before}`, 200],
    [`If-Match: ${etag}`, 200],
    [`If-Match: W/${etag}`, 412],
    ['If-Match: "x"', 412],
    [`If-Unmodified-Since: ${modified}`, 200],
    [`If-Unmodified-Since: ${before}`, 412],
    [`If-None-Match: "x"\r\nIf-Modified-Since: ${modified}`, 200],
    [`If-Match: "x"\r\nIf-None-Match: ${etag}`, 412],
  ] as const) {
    for (const method of ['GET', 'HEAD']) {
      const response = await ask(server, '/s/f.txt', [field], method)
      expect(response.status, `${method} ${field}`).toBe(status)
      if (status === 304) {
        expect(response.headers).toMatchObject({ etag, 'cache-control': 'no-cache' })
        expect(response.headers).not.toHaveProperty('content-type')
      }
    }
  }
  const [first, name = ''] = [`If-None-Match: ${etag}`, 'if-none-match']
  expect((await askH2(server, '/s/f.txt', { [name]: first.slice(15) })).status).toBe(304)
  await server.close()
})

/** The parts of a `multipart/byteranges`. */
function parts(headers: Record<string, unknown>, body: Buffer): [range: string, content: string][] {
  const boundary = /^multipart\/byteranges; boundary=(\w+)$/.exec(
    String(headers['content-type']),
  )![1]!
  const [before, ...between] = body.toString('latin1').split(`\r\n--${boundary}`)
  expect(before).toBe('')
  expect(between.pop()).toBe('--\r\n')
  return between.map((part) => {
    const [, head = '', content = ''] = /^\r\n(.*?)\r\n\r\n(.*)$/s.exec(part)!
    expect(head).toContain('content-type: text/plain; charset=utf-8')
    return [/content-range: (.*)$/m.exec(head)![1]!, content]
  })
}

// Of memory, and of a file that the kernel sends.
test.each([
  ['small', 10],
  ['large', 100_000],
])('parts of a %s file are sent as they are asked for', async (_, repeats) => {
  const site = newSite()
  site.write('f.txt', DIGITS.repeat(repeats))
  const length = 10 * repeats
  const server = await serveSite(site)
  for (const [range, start, end] of [
    ['0-0', 0, 1],
    ['2-5', 2, 6],
    ['-3', length - 3, length],
    [`${length - 1}-`, length - 1, length],
    ['0-', 0, length],
    ['5-99999999999999999999', 5, length],
    ['0-4,5-9', 0, 10],
    ['4-6,0-5', 0, 7],
  ] as const) {
    const response = await ask(server, '/s/f.txt', [`Range: bytes=${range}`])
    expect(response, range).toMatchObject({
      status: 206,
      headers: {
        'content-range': `bytes ${start}-${end - 1}/${length}`,
        'content-length': String(end - start),
      },
    })
    expect(response.body.equals(Buffer.from(DIGITS.repeat(repeats).slice(start, end)))).toBe(true)
  }
  const wanted = [
    ['bytes 1-2/', '12'],
    [`bytes ${length - 3}-${length - 1}/`, '789'],
    ['bytes 5-7/', '567'],
  ].map(([range, content]) => [`${range}${length}`, content])
  const many = await ask(server, '/s/f.txt', ['Range: bytes=1-2, -3, 5-7'])
  expect(many.status).toBe(206)
  expect(parts(many.headers, many.body)).toEqual(wanted)
  const h2 = await askH2(server, '/s/f.txt', { range: 'bytes=1-2, -3, 5-7' })
  expect(h2.status).toBe(206)
  expect(parts(h2.headers, h2.body)).toEqual(wanted)
  for (const range of [`${length}-`, '-0', `${length + 5}-${length + 6}`])
    expect(await ask(server, '/s/f.txt', [`Range: bytes=${range}`])).toMatchObject({
      status: 416,
      headers: { 'content-range': `bytes */${length}`, 'content-length': '0' },
    })
  for (const range of ['lines=1-2', 'bytes=5-2', 'bytes=a-b', 'bytes='])
    expect((await ask(server, '/s/f.txt', [`Range: ${range}`])).status, range).toBe(200)
  expect((await ask(server, '/s/f.txt', ['Range: bytes=0-0'], 'HEAD')).status).toBe(200)
  await server.close()
})

test('a flood of ranges is refused, and overlapping ones are never sent twice', async () => {
  const site = newSite()
  site.write('f.txt', DIGITS.repeat(100_000))
  const server = await serveSite(site)
  const flood = Array.from({ length: 200 }, () => '0-').join(',')
  expect((await ask(server, '/s/f.txt', [`Range: bytes=${flood}`])).status).toBe(416)
  const overlapping = Array.from({ length: 30 }, (_, index) => `${index}-`).join(',')
  const response = await ask(server, '/s/f.txt', [`Range: bytes=${overlapping}`])
  expect(response).toMatchObject({ status: 206, headers: { 'content-length': '1000000' } })
  await server.close()
})

test('If-Range sends the whole file once it has changed', async () => {
  const site = newSite()
  const file = site.write('f.txt', DIGITS)
  utimesSync(file, THEN, THEN)
  const server = await serveSite(site)
  const { etag } = (await ask(server, '/s/f.txt')).headers
  const status = async (known: string) =>
    (await ask(server, '/s/f.txt', ['Range: bytes=0-0', `If-Range: ${known}`])).status
  expect(await status(String(etag))).toBe(206)
  expect(await status(THEN.toUTCString())).toBe(206)
  for (const known of [`W/${etag}`, '"x"', new Date(0).toUTCString(), 'x'])
    expect(await status(known), known).toBe(200)
  await server.close()
})

test('a precompressed sibling goes to who takes it, and caches are told', async () => {
  const site = newSite()
  const plain = DIGITS.repeat(50)
  site.write('f.js', plain)
  site.write('f.js.br', 'brotli')
  site.write('f.js.gz', gzipSync(plain))
  const server = await serveSite(site)
  const tags = new Set<unknown>()
  for (const [accept, coding] of [
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip', 'gzip'],
    ['br;q=0.5, gzip', 'gzip'],
    ['br;q=0, gzip;q=0', undefined],
    ['zstd', undefined],
    ['*', 'br'],
  ] as const) {
    const response = await ask(server, '/s/f.js', [`Accept-Encoding: ${accept}`])
    expect(response.headers['content-encoding'], accept).toBe(coding)
    expect(response.headers['vary']).toBe('accept-encoding')
    expect(response.headers['content-type']).toBe('text/javascript; charset=utf-8')
    tags.add(response.headers['etag'])
  }
  expect(tags.size).toBe(3)
  const { etag } = (await ask(server, '/s/f.js', ['Accept-Encoding: gzip'])).headers
  const known = await ask(server, '/s/f.js', ['Accept-Encoding: gzip', `If-None-Match: ${etag}`])
  expect(known).toMatchObject({ status: 304, headers: { etag, vary: 'accept-encoding' } })
  // It is a file of its own, too.
  expect((await ask(server, '/s/f.js.gz')).headers['content-type']).toBe('application/gzip')
  await server.close()
})

test('--compress compresses a file that has no sibling, all of it and no part', async () => {
  const site = newSite()
  const content = DIGITS.repeat(100_000)
  site.write('f.txt', content)
  site.write('small.txt', DIGITS.repeat(1000))
  const server = await serveSite(site, { compress: 'gzip' })
  const gzip = 'Accept-Encoding: gzip'
  for (const [name, expected] of [
    ['f.txt', content],
    ['small.txt', DIGITS.repeat(1000)],
  ] as const) {
    const whole = await ask(server, `/s/${name}`, [gzip])
    expect(whole, name).toMatchObject({ status: 200, headers: { 'content-encoding': 'gzip' } })
    expect(gunzipSync(whole.body).toString() === expected, name).toBe(true)
    const { etag } = whole.headers
    expect((await ask(server, `/s/${name}`, [gzip, `If-None-Match: ${etag}`])).status).toBe(304)
  }
  const part = await ask(server, '/s/f.txt', [gzip, 'Range: bytes=5-9'])
  expect(part.headers).not.toHaveProperty('content-encoding')
  expect(part.body.toString()).toBe('56789')
  await server.close()
})

test('a 304 varies as its 200 does where --compress is on', async () => {
  const site = newSite()
  site.write('f.txt', DIGITS.repeat(1000))
  site.write('f.png', DIGITS)
  const server = await serveSite(site, { compress: 'gzip' })
  for (const [name, vary] of [
    ['f.txt', 'Accept-Encoding'],
    ['f.png', undefined],
  ] as const)
    for (const accept of ['gzip', 'identity']) {
      const fields = [`Accept-Encoding: ${accept}`]
      const { status, headers } = await ask(server, `/s/${name}`, fields)
      expect({ status, vary: headers['vary'] }, `${name} ${accept}`).toEqual({ status: 200, vary })
      const { etag } = headers
      const strong = String(etag).replace('W/', '')
      // A client may hold another's: all of them are of the same file.
      for (const [held, tag] of [
        [strong, strong],
        [`W/${strong}`, vary === undefined ? strong : `W/${strong}`],
      ] as const) {
        const known = await ask(server, `/s/${name}`, [...fields, `If-None-Match: ${held}`])
        expect(known.status).toBe(304)
        expect(known.headers['vary'], `${name} ${accept} ${held}`).toBe(vary)
        expect(known.headers['etag']).toBe(tag)
        expect(known.headers).not.toHaveProperty('content-type')
      }
    }
  await server.close()
})

test('hashed names are kept for a year, pages never, and the rest as long as is said', async () => {
  const site = newSite()
  for (const name of ['main.8e0d62a1.js', 'app.js', 'v/app-BX8s9d2f.js']) site.write(name, '')
  const server = await serveSite(site, { staticMaxAge: '5m', staticImmutable: '/s/v' })
  for (const [name, expected] of [
    ['main.8e0d62a1.js', 'public, max-age=31536000, immutable'],
    ['v/app-BX8s9d2f.js', 'public, max-age=31536000, immutable'],
    ['app.js', 'public, max-age=300'],
    ['page.html', 'no-cache'],
  ] as const)
    expect((await ask(server, `/s/${name}`)).headers['cache-control'], name).toBe(expected)
  await server.close()
})

test('a large file is whole over HTTP/2 and over a Unix socket', async () => {
  const site = newSite()
  const content = Buffer.from(DIGITS.repeat(500_000))
  site.write('f.bin', content)
  const server = await serveSite(site)
  const h2 = await askH2(server, '/s/f.bin')
  expect(h2.headers['content-length']).toBe(String(content.length))
  expect(h2.body.equals(content)).toBe(true)
  await server.close()
  const local = await serveSite(site, { bind: `unix:${site.path('../monodon.sock')}` })
  expect((await ask(local, '/s/f.bin')).body.equals(content)).toBe(true)
  await local.close()
})

test('the fallback is what a browser gets where neither a file nor the app has anything', async () => {
  const site = newSite()
  const server = await serveSite(site, {
    static: `/=${site.root}`,
    staticFallback: site.path('page.html'),
  })
  const page = await ask(server, '/users/42', ['Accept: text/html,*/*;q=0.8'])
  expect(page).toMatchObject({
    status: 200,
    headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' },
  })
  expect(page.body.toString()).toBe('<p>page</p>')
  const head = await ask(server, '/users/42', ['Accept: text/html'], 'HEAD')
  expect(head).toMatchObject({ status: 200, headers: { 'content-length': '11' } })
  const { etag } = page.headers
  expect((await ask(server, '/b', ['Accept: text/html', `If-None-Match: ${etag}`])).status).toBe(
    304,
  )
  for (const accept of ['application/json', '*/*', 'text/html;q=0', 'text/plain'])
    expect(isApps(await ask(server, '/users/42', [`Accept: ${accept}`])), accept).toBe(true)
  expect(
    isApps(await ask(server, '/users/42', ['Accept: text/html', 'Content-Length: 0'], 'POST')),
  ).toBe(true)
  expect((await ask(server, '/a.txt', ['Accept: text/html'])).body.toString()).toBe('a text\n')
  await server.close()
})
