/** An h3 app with what its documentation has: https://h3.dev */

import { openAsBlob } from 'node:fs'
import { stat } from 'node:fs/promises'
import {
  appendHeader,
  assertMethod,
  basicAuth,
  createEventStream,
  deleteCookie,
  getCookie,
  getQuery,
  getRequestIP,
  getRouterParam,
  H3,
  HTTPError,
  handleCacheHeaders,
  handleCors,
  html,
  iterable,
  noContent,
  onError,
  onResponse,
  parseCookies,
  readBody,
  redirect,
  serveStatic,
  setCookie,
  useSession,
  withBase,
} from 'h3'

export const app: { fetch(request: Request): unknown } & H3 = new H3({ silent: true })

const password = 'a password that is long enough for a session'
const waited: string[] = []

app.use(onResponse((response) => void response.headers.set('x-hook', '1')))
app.use(
  '/failing/**',
  onError((error) => ({ handled: error.message })),
)

// -- routing

app.get('/', () => 'root')
app.get('/users/:id', (event) => ({ id: getRouterParam(event, 'id'), query: getQuery(event) }))
app.get('/wild/**', (event) => event.url.pathname)
app.all('/methods', (event) => {
  assertMethod(event, ['GET', 'POST'])
  return event.req.method
})
app.get('/url', (event) => [event.req.url, event.url.host, event.url.search])
app.get('/fields', (event) => Object.fromEntries(event.req.headers))
app.get('/ip', (event) => ({ ip: getRequestIP(event) }))
const nested = new H3({ silent: true })
nested.get('/x', (event) => `nested ${event.url.pathname}`)
app.mount('/mounted', nested)
app.all('/based/**', withBase('/based', nested.handler))

// -- answers

app.get('/json', () => ({ a: ['é'] }))
app.get('/html', () => html`<p>${'<é>'}</p>`)
app.get('/bytes', () => new Uint8Array([0, 1, 255]))
app.get('/blob', () => new Blob(['a blob'], { type: 'text/x' }))
app.get('/file', () => new File(['a file'], 'f.txt', { type: 'text/x' }))
app.get('/nothing', () => null)
app.get('/none', () => noContent())
app.get('/redirect', () => redirect('/elsewhere', 303))
app.get('/number', () => 42)
app.get('/date', () => new Date(0))
app.get('/status', (event) => {
  event.res.status = 202
  event.res.statusText = 'Taken In'
  appendHeader(event, 'vary', 'accept')
  appendHeader(event, 'vary', 'origin')
  return 'accepted'
})
app.get('/native', () => new Response('native', { status: 201, headers: { 'x-a': 'é' } }))
app.get('/native-json', () => Response.json({ a: 1 }))
app.get('/throw', () => {
  throw new Error('thrown')
})
app.get('/error', () => {
  throw new HTTPError({ status: 418, statusText: 'Short', message: 'long', data: { a: 1 } })
})
app.get('/failing/x', () => {
  throw new HTTPError({ status: 400, message: 'handled by a hook' })
})

// -- bodies

app.post('/body', async (event) => ({ body: await readBody(event) }))
app.post('/text', (event) => event.req.text())
app.post('/form', async (event) => {
  const form = await event.req.formData()
  const parts = [...form].map(async ([name, value]) => [
    name,
    typeof value === 'string' ? value : [value.name, value.type, await value.text()],
  ])
  return Promise.all(parts)
})
app.post('/echo', (event) => event.req.body)
app.post('/clone', async (event) => [await event.req.clone().text(), await event.req.text()])

// -- cookies and sessions

app.get('/cookies', (event) => {
  setCookie(event, 'a', '1', { httpOnly: true })
  setCookie(event, 'b', 'é', { path: '/x', maxAge: 5 })
  deleteCookie(event, 'old')
  return { all: parseCookies(event), a: getCookie(event, 'a') ?? null }
})
app.get('/session', async (event) => {
  const session = await useSession<{ count?: number }>(event, { password, cookie: false })
  return { data: session.data }
})

// -- streams

app.get('/stream', () => {
  const chunks = ['one ', 'two ', 'thrée']
  return new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 2))
      const chunk = chunks.shift()
      if (chunk === undefined) controller.close()
      else controller.enqueue(new TextEncoder().encode(chunk))
    },
  })
})
app.get('/iterable', () =>
  iterable(async function* () {
    yield 'one '
    yield { two: 2 }
    await new Promise((resolve) => setTimeout(resolve, 2))
    yield 3
  }),
)
app.get('/sse', (event) => {
  const stream = createEventStream(event)
  const push = async () => {
    for (let i = 0; i < 3; i++) await stream.push({ event: 'tick', id: String(i), data: `no ${i}` })
    await stream.close()
  }
  void push()
  return stream.send()
})

// -- utilities

app.all('/cors', (event) => {
  const done = handleCors(event, {
    origin: ['http://a.example'],
    methods: ['GET', 'PUT'],
    credentials: true,
    preflight: { statusCode: 204 },
  })
  return done === false ? 'shared' : done
})
app.use('/basic/**', basicAuth({ username: 'user', password: 'pass' }))
app.get('/basic/x', () => 'welcome')
app.get('/cached', (event) => {
  if (handleCacheHeaders(event, { etag: '"x"', maxAge: 60, modifiedTime: new Date(0) })) return null
  return 'fresh'
})
app.get('/wait', (event) => {
  event.waitUntil(Promise.resolve().then(() => waited.push('waited')))
  return 'later'
})
app.get('/waited', () => waited)
app.use('/static/**', (event) => {
  const pathOf = (id: string) => `test/requests${id.replace(/^\/static/, '')}`
  return serveStatic(event, {
    getMeta: async (id) => {
      const info = await stat(pathOf(id)).catch(() => undefined)
      return info?.isFile() ? { size: info.size, mtime: 0, type: 'text/x' } : undefined
    },
    getContents: (id) => openAsBlob(pathOf(id)),
  })
})

export default app
