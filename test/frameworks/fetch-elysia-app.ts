/** An Elysia app with what its documentation has: https://elysiajs.com */
import { Elysia, file, form, redirect, sse, status, t } from 'elysia'

class Teapot extends Error {
  status = 418
}

export const app = new Elysia()
  .error({ Teapot })
  .state('version', 1)
  .decorate('greet', (name: string) => `hello ${name}`)
  .derive(({ headers }) => ({ agent: headers['user-agent'] ?? 'none' }))
  .onAfterHandle(({ set }) => {
    set.headers['x-after'] = '1'
  })
  .onError(({ code, error, set }) => {
    if (code === 'NOT_FOUND') return 'nothing here'
    if (code === 'VALIDATION') return { invalid: error.type }
    if (code === 'PARSE') return 'cannot be parsed'
    set.headers['x-error'] = String(code)
    return error instanceof Error ? `failed: ${error.message}` : 'failed'
  })

  // -- routing
  .get('/', 'root')
  .get('/users/:id', ({ params: { id }, query }) => ({ id, query }))
  .get('/wild/*', ({ params }) => params['*'])
  .get('/url', ({ request, path }) => [request.url, path])
  .get('/fields', ({ headers }) => headers)
  .get('/context', ({ store, greet, agent }) => ({ store, greeting: greet('you'), agent }))
  .all('/all', ({ request }) => request.method)
  .group('/group', (group) => group.get('/x', 'in a group'))

  // -- answers
  .get('/json', () => ({ a: ['é'] }))
  .get('/number', () => 42)
  .get('/nothing', () => undefined)
  .get('/redirect', () => redirect('/elsewhere', 303))
  .get('/status', () => status(202, 'accepted'))
  .get('/set', ({ set }) => {
    set.status = 'Created'
    set.headers['vary'] = 'accept'
    return 'created'
  })
  .get('/bytes', () => new Uint8Array([0, 1, 255]))
  .get('/file', () => file('test/requests/README.md'))
  .get('/blob', () => new Blob(['a blob'], { type: 'text/x' }))
  .get('/native', () => new Response('native', { status: 201, headers: { 'x-a': 'é' } }))
  .get('/throw', () => {
    throw new Error('thrown')
  })
  .get('/teapot', () => {
    throw new Teapot('short and stout')
  })
  .get('/form', () => form({ a: '1' }))

  // -- bodies and validation
  .post('/json', ({ body }) => ({ body }))
  .post('/valid', ({ body }) => body, { body: t.Object({ name: t.String(), age: t.Number() }) })
  .get('/query', ({ query }) => query, { query: t.Object({ n: t.Numeric() }) })
  .post(
    '/upload',
    async ({ body }) => ({
      title: body.title,
      file: [body.file.name, body.file.type, await body.file.text()],
    }),
    { body: t.Object({ title: t.String(), file: t.File() }) },
  )
  .post('/raw', async ({ request }) => request.text(), { parse: 'none' })
  .post('/buffer', ({ body }) => (body as ArrayBuffer).byteLength, { parse: 'arrayBuffer' })

  // -- cookies
  .get('/cookies', ({ cookie: { a, b, old } }) => {
    b!.value = 'é'
    b!.httpOnly = true
    old!.remove()
    return { a: a!.value }
  })

  // -- streams
  .get('/stream', async function* () {
    yield 'one '
    await new Promise((resolve) => setTimeout(resolve, 2))
    yield 'two '
    yield 3
  })
  .get('/sse', async function* () {
    for (let i = 0; i < 3; i++) {
      yield sse({ event: 'tick', id: String(i), data: { no: i } })
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  })

  // -- hooks
  .guard(
    { beforeHandle: ({ headers }) => (headers['x-key'] ? undefined : status(401, 'no key')) },
    (guarded) => guarded.get('/guarded', 'welcome'),
  )

export default app
