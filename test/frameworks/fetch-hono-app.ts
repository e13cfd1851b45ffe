/** A Hono app with what its documentation has: https://hono.dev/docs */
import { getConnInfo as nodeConnInfo } from '@hono/node-server/conninfo'
import { serveStatic } from '@hono/node-server/serve-static'
import { Hono } from 'hono'
import { basicAuth } from 'hono/basic-auth'
import { bearerAuth } from 'hono/bearer-auth'
import { bodyLimit } from 'hono/body-limit'
import { compress } from 'hono/compress'
import { deleteCookie, getCookie, getSignedCookie, setCookie, setSignedCookie } from 'hono/cookie'
import { cors } from 'hono/cors'
import { csrf } from 'hono/csrf'
import { etag } from 'hono/etag'
import { HTTPException } from 'hono/http-exception'
import { jwt } from 'hono/jwt'
import { logger } from 'hono/logger'
import { poweredBy } from 'hono/powered-by'
import { prettyJSON } from 'hono/pretty-json'
import { requestId } from 'hono/request-id'
import { secureHeaders } from 'hono/secure-headers'
import { stream, streamSSE, streamText } from 'hono/streaming'
import { timeout } from 'hono/timeout'
import { appendTrailingSlash, trimTrailingSlash } from 'hono/trailing-slash'

const LONG_TEXT = 'a line of text that is worth compressing\n'.repeat(200)
const FILES = 'test/requests'

export const app = new Hono()

// -- routing

app.get('/', (c) => c.text('root'))
app.get('/users/:id', (c) => c.json({ id: c.req.param('id'), query: c.req.queries() }))
app.get('/posts/:id{[0-9]+}/:part?', (c) => c.json(c.req.param()))
app.get('/wild/*', (c) => c.text(`wild ${c.req.path}`))
app.on(['PUT', 'PURGE'], '/methods', (c) => c.text(c.req.method))
app.all('/all', (c) => c.text(`all ${c.req.method}`))
app.get('/url', (c) => c.text(c.req.url))
app.get('/fields', (c) => c.json(c.req.header()))
app.get('/conninfo', (c) => {
  const { address, port, addressType } = nodeConnInfo(c).remote
  return c.json({ address, hasPort: Number(port) > 0, addressType })
})
const api = new Hono().basePath('/v1')
api.get('/ping', (c) => c.json({ pong: true }, 201, { 'X-Api': '1' }))
app.route('/api', api)
app.mount(
  '/mounted',
  (request: Request) => new Response(`mounted ${new URL(request.url).pathname}`),
)

// -- answers

app.get('/html', (c) => c.html('<p>é</p>'))
app.get('/bytes', (c) => c.body(new Uint8Array([0, 1, 2, 255]), 200, { 'Content-Type': 'a/b' }))
app.get('/empty', (c) => c.body(null, 204))
app.get('/not-modified', (c) => c.body(null, 304, { ETag: '"x"' }))
app.get('/redirect', (c) => c.redirect('/elsewhere?é'))
app.get('/moved', (c) => c.redirect('/elsewhere', 301))
app.get('/append', (c) => {
  c.header('Vary', 'Accept')
  c.header('Vary', 'Origin', { append: true })
  c.status(202)
  return c.text('appended')
})
app.get('/native', () => new Response('native', { status: 299, headers: { 'X-A': 'é' } }))
app.get('/blob', () => new Response(new Blob(['a blob'], { type: 'text/x' })))
app.get('/params', () => new Response(new URLSearchParams({ a: 'b c', d: 'é' })))
app.get('/replaced', async (c, next) => {
  await next()
  c.res = new Response(`${await c.res.text()} replaced`, c.res)
  c.res.headers.set('X-After', '1')
})
app.get('/replaced', (c) => c.text('first', 200, { 'X-Before': '1' }))

// -- errors

app.get('/throw', () => {
  throw new Error('thrown')
})
app.get('/exception', () => {
  throw new HTTPException(401, { message: 'no entry' })
})
app.get('/exception-response', () => {
  throw new HTTPException(418, { res: new Response('teapot', { headers: { 'X-Tea': '1' } }) })
})
app.onError((error, c) => {
  if (error instanceof HTTPException) return error.getResponse()
  return c.text(`failed: ${error.message}`, 500)
})
app.notFound((c) => c.text(`nothing at ${c.req.path}`, 404))

// -- bodies

app.post('/json', async (c) => c.json(await c.req.json()))
app.post('/text', async (c) => c.text(await c.req.text()))
app.post('/buffer', async (c) => c.body(await c.req.arrayBuffer()))
app.post('/blob', async (c) => {
  const blob = await c.req.blob()
  return c.json({ type: blob.type, size: blob.size, text: await blob.text() })
})
app.post('/form', async (c) => {
  const form = await c.req.parseBody({ all: true, dot: true })
  return c.json(JSON.parse(JSON.stringify(form)))
})
app.post('/upload', async (c) => {
  const form = await c.req.formData()
  const parts = [...form].map(async ([name, value]) =>
    typeof value === 'string'
      ? { name, value }
      : { name, file: value.name, type: value.type, size: value.size, text: await value.text() },
  )
  return c.json(await Promise.all(parts))
})
app.post('/echo', (c) => new Response(c.req.raw.body))
app.post('/twice', async (c) => c.json([await c.req.text(), await c.req.text()]))
app.post('/cloned', async (c) => c.json([await c.req.raw.clone().text(), await c.req.text()]))
app.post('/unread', (c) => c.text('not read'))

// -- cookies

app.get('/cookies', async (c) => {
  setCookie(c, 'plain', 'a b;c', { path: '/', httpOnly: true, sameSite: 'Lax', maxAge: 1000 })
  setCookie(c, 'second', 'é', { secure: true, prefix: 'secure' })
  await setSignedCookie(c, 'signed', 'value', 'secret')
  deleteCookie(c, 'old')
  return c.json(getCookie(c))
})
app.get('/signed', async (c) => c.json({ signed: await getSignedCookie(c, 'secret', 'signed') }))

// -- streaming

app.get('/stream', (c) =>
  stream(c, async (out) => {
    await out.write('one ')
    await out.sleep(5)
    await out.write(new Uint8Array([116, 119, 111]))
    await out.pipe(new Blob([' three']).stream())
  }),
)
app.get('/stream-text', (c) =>
  streamText(c, async (out) => {
    for (let i = 0; i < 5; i++) {
      await out.writeln(`line ${i}`)
      await out.sleep(1)
    }
  }),
)
app.get('/sse', (c) =>
  streamSSE(c, async (out) => {
    for (let i = 0; i < 3; i++) {
      await out.writeSSE({
        data: `event ${i}\nsecond line`,
        event: 'tick',
        id: String(i),
        retry: 9,
      })
      await out.sleep(1)
    }
  }),
)
app.get('/stream-fails', (c) =>
  streamText(
    c,
    async (out) => {
      await out.write('begun ')
      throw new Error('broke')
    },
    async (error, out) => {
      await out.write(`ended: ${error.message}`)
    },
  ),
)
app.get('/at-once', (c) => c.body(new Blob(['x'.repeat(100_000)]).stream()))

// -- middlewares

app.use('/compress/*', compress())
app.get('/compress/text', (c) => c.text(LONG_TEXT))
app.get('/compress/short', (c) => c.text('short', 200, { 'Content-Length': '5' }))
app.get('/compress/stream', (c) =>
  streamText(c, async (out) => {
    await out.write(LONG_TEXT)
  }),
)
app.get('/compress/image', (c) => c.body(LONG_TEXT, 200, { 'Content-Type': 'image/png' }))

app.use(
  '/cors/*',
  cors({
    origin: ['http://a.example', 'http://b.example'],
    allowMethods: ['GET', 'PUT'],
    allowHeaders: ['X-Custom'],
    exposeHeaders: ['X-Shown', 'X-Too'],
    credentials: true,
    maxAge: 600,
  }),
)
app.get('/cors/x', (c) => c.text('shared'))

app.use('/etag/*', etag())
app.get('/etag/text', (c) => c.text('tagged'))
app.get('/etag/own', (c) => c.text('tagged', 200, { ETag: 'W/"own"' }))

const lines: string[] = []
app.use(
  '/logged/*',
  logger((...line: string[]) => void lines.push(line.join(' ').replace(/\d+ms/, 'N'))),
)
app.get('/logged/x', (c) => c.text('logged'))
app.get('/log', (c) => c.json(lines.splice(0)))

app.use('/secure/*', secureHeaders({ contentSecurityPolicy: { defaultSrc: ["'self'"] } }))
app.get('/secure/x', (c) => c.text('secure'))

app.use('/basic/*', basicAuth({ username: 'user', password: 'pass' }))
app.get('/basic/x', (c) => c.text('welcome'))
app.use('/bearer/*', bearerAuth({ token: 'token' }))
app.get('/bearer/x', (c) => c.text('welcome'))
app.use('/jwt/*', jwt({ secret: 'secret', alg: 'HS256' }))
app.get('/jwt/x', (c) => c.json(c.get('jwtPayload')))

app.use('/limited/*', bodyLimit({ maxSize: 10, onError: (c) => c.text('too much', 413) }))
app.post('/limited/x', async (c) => c.text(await c.req.text()))

app.use('/timeout/*', timeout(20))
app.get('/timeout/slow', async (c) => {
  await new Promise((resolve) => setTimeout(resolve, 10_000).unref())
  return c.text('slow')
})
app.get('/timeout/fast', (c) => c.text('fast'))

app.use('/csrf/*', csrf())
app.post('/csrf/x', (c) => c.text('posted'))
app.use('/small/*', requestId(), poweredBy(), prettyJSON())
app.get('/small/x', (c) => c.json({ a: 1, id: c.get('requestId') }))
app.use('/no-slash/*', trimTrailingSlash())
app.get('/no-slash/x', (c) => c.text('x'))
app.use('/slash/*', appendTrailingSlash())
app.get('/slash/x/', (c) => c.text('x'))

// -- static files

app.use(
  '/static/*',
  serveStatic({
    root: FILES,
    rewriteRequestPath: (path) => path.replace(/^\/static/, ''),
    onFound: (_path, c) => c.header('Cache-Control', 'max-age=60'),
  }),
)

export default app
