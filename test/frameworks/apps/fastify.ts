import { createReadStream } from 'node:fs'
import { PassThrough, Readable } from 'node:stream'
import compress from '@fastify/compress'
import middlewares from '@fastify/express'
import multipart from '@fastify/multipart'
import statics from '@fastify/static'
import cookieParser from 'cookie-parser'
import session from 'express-session'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import {
  FOLDER,
  LIMIT,
  noteEvents,
  PIECES,
  PUBLIC,
  seenBy,
  TEXT,
  textOf,
} from '../support/app-parts.ts'
import type { MadeApp, Note } from '../support/sides.ts'

/** Fastify with plugins of its own and, through @fastify/express, middlewares of Express. */
export async function createApp(note: Note): Promise<MadeApp> {
  const app = fastify({ bodyLimit: 150_000, requestTimeout: 0 })
  await app.register(multipart, { limits: { fileSize: LIMIT } })
  await app.register(statics, { root: PUBLIC, prefix: '/static/' })
  await app.register(statics, { root: FOLDER, prefix: '/large/', decorateReply: false })
  await app.register(routes)
  await app.register(bodies)
  await app.register(schemas)
  await app.register(streams, { note })
  await app.register(compressed)
  await app.register(errors, { prefix: '/errors', note })
  await app.register(hooks, { prefix: '/hooks', note })
  await app.register(expressed)
  return { app, close: () => app.close() }
}

async function routes(app: FastifyInstance): Promise<void> {
  app.get('/users/:id', async (request) => ({
    params: request.params,
    query: request.query,
    url: request.url,
    ip: request.ip,
    host: request.host,
    protocol: request.protocol,
  }))
  app.put('/users/:id', async (_request, reply) => reply.code(201).header('X-A', 'b').send())
  app.delete('/users/:id', async (_request, reply) => reply.code(204).send())
  app.get('/files/*', async (request) => (request.params as Record<string, string>)['*'])
  app.get<{ Params: { file: string } }>('/:file.png', async (request) => request.params.file)
  app.get('/page', async (request, reply) => {
    reply
      .type('text/html')
      .header('ETag', '"page"')
      .header('Last-Modified', new Date(0).toUTCString())
    if (request.headers['if-none-match'] === '"page"') return reply.code(304).send()
    return '<p>A page made on demand.</p>'
  })
  app.get('/bytes', async () => Buffer.from('bytes'))
  app.get('/response', () => new Response('a Response', { status: 203, headers: { 'X-A': 'b' } }))
  app.get('/empty', async (_request, reply) => reply.send())
  app.get('/download', (_request, reply) => reply.download('hello.txt', 'name.txt'))
  app.get('/file', (_request, reply) => reply.sendFile('hello.txt'))
  app.get('/hijacked', (_request, reply) => {
    reply.hijack()
    reply.raw.writeHead(202, { 'X-A': 'b' })
    reply.raw.end('hijacked')
  })
  app.get('/trailers', async (_request, reply) => {
    reply.trailer('X-Length', async (_reply: FastifyReply, payload: unknown) =>
      String(String(payload).length),
    )
    return 'with a trailer'
  })
  app.get('/hints', async (_request, reply) => {
    await new Promise<void>((resolve) =>
      reply.raw.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' }, resolve),
    )
    return 'hinted'
  })
  app.get('/redirect/found', (_request, reply) => reply.redirect('/page'))
  app.get('/redirect/moved', (_request, reply) => reply.redirect('http://other.test/', 301))
  app.get('/redirect/escaped', (_request, reply) => reply.redirect('/a b?c=é&d=%20'))
  app.get('/redirect/back', (request, reply) => reply.redirect(request.headers.referer ?? '/'))
  app.route({
    method: ['GET', 'POST'],
    url: '/seen',
    handler: async (request, reply) => seenBy(request.raw, reply.raw),
  })
  app.get('/timeout', (_request, reply) => {
    reply.raw.setTimeout(20, () => reply.code(503).send('too late'))
  })
}

async function bodies(app: FastifyInstance): Promise<void> {
  app.post('/json', async (request) => ({ body: request.body ?? null }))
  app.post('/text', async (request) => request.body)
  app.post('/upload', async (request) => {
    const parts: object[] = []
    for await (const part of request.parts())
      if (part.type === 'file')
        parts.push({ ...named(part), mimetype: part.mimetype, text: textOf(await part.toBuffer()) })
      else parts.push({ ...named(part), value: part.value })
    return parts
  })
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    scope.post('/echo', (request, reply) => reply.type('text/plain').send(request.body ?? ''))
    scope.post('/unread', async () => 'fine')
  })
}

function named({ fieldname, filename }: { fieldname: string; filename?: string }): object {
  return { fieldname, filename }
}

/** Bodies and answers that a schema describes. */
async function schemas(app: FastifyInstance): Promise<void> {
  const body = {
    type: 'object',
    required: ['name'],
    properties: { name: { type: 'string' }, age: { type: 'integer' } },
  }
  const response = { 200: { type: 'object', properties: { name: { type: 'string' } } } }
  app.post('/checked', { schema: { body, response } }, async (request) => request.body)
}

async function streams(app: FastifyInstance, { note }: { note: Note }): Promise<void> {
  app.get('/stream', (_request, reply) =>
    reply.send(Readable.from(PIECES.map((piece) => Buffer.from(piece)))),
  )
  app.get('/web-stream', (_request, reply) => {
    const blob = new Blob(PIECES.map((piece) => Buffer.from(piece)))
    return reply.send(blob.stream())
  })
  app.get('/pipeline', (_request, reply) => {
    reply.raw.once('close', () => note('pipeline: done'))
    return reply.type('application/json').send(createReadStream(`${FOLDER}/package-lock.json`))
  })
  app.get('/much', (_request, reply) => {
    const pieces = Array.from({ length: 20 }, (_, at) => String(at % 10).repeat(50_000))
    return reply.send(Readable.from(pieces, { objectMode: false }))
  })
  app.get('/events', (request, reply) => {
    const events = new PassThrough()
    events.write('data: first\n\n')
    noteEvents(note, 'events', { req: request.raw, res: reply.raw })
    return reply.type('text/event-stream').send(events)
  })
  app.get('/wait', (request, reply) => {
    noteEvents(note, 'wait', { req: request.raw, res: reply.raw })
    note('wait: called')
  })
  app.register(async (scope) => {
    scope.addContentTypeParser('application/octet-stream', (_request, payload, done) =>
      done(null, payload),
    )
    scope.post('/abort', (request: FastifyRequest, reply: FastifyReply) => {
      noteEvents(note, 'abort', { req: request.raw, res: reply.raw })
      request.raw.once('data', () => note('abort: data'))
    })
  })
}

async function compressed(app: FastifyInstance): Promise<void> {
  await app.register(compress, { threshold: 100 })
  app.get('/text', async (_request, reply) => reply.type('text/plain').send(TEXT))
  app.get('/text-stream', async (_request, reply) =>
    reply.type('text/plain').send(Readable.from([TEXT, TEXT, 'end'])),
  )
  app.get('/text-file', async (_request, reply) =>
    reply.compress(createReadStream(`${FOLDER}/package-lock.json`)),
  )
  app.post('/inflated', async (request) => request.body)
}

async function errors(app: FastifyInstance, { note }: { note: Note }): Promise<void> {
  app.get('/thrown', () => {
    throw new Error('thrown')
  })
  app.get('/rejected', async () => {
    throw new Error('rejected')
  })
  app.get('/teapot', async () => {
    throw Object.assign(new Error('a teapot'), { statusCode: 418, code: 'TEAPOT' })
  })
  app.get('/string', async () => {
    throw 'a string'
  })
  app.get('/status', async (_request, reply) => reply.code(503).send())
  app.get('/no-file', (_request, reply) => reply.send(createReadStream(`${PUBLIC}/none`)))
  app.register(async (scope) => {
    scope.setErrorHandler((error: Error, _request, reply) => {
      reply.code(409).send({ handled: error.message })
    })
    scope.get('/handled', async () => {
      throw new Error('told')
    })
  })
  app.register(async (scope) => {
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    scope.post('/late', (request, reply) => {
      const body = new PassThrough()
      body.write('begun')
      reply.raw.on('close', () => note(`late: close, finished ${reply.raw.writableFinished}`))
      request.raw.once('data', () => body.destroy(new Error('late')))
      return reply.send(body)
    })
  })
}

async function hooks(app: FastifyInstance, { note }: { note: Note }): Promise<void> {
  app.addHook('onRequest', async (request) => note(`onRequest ${request.url}`))
  app.addHook('preHandler', async (_request, reply) => {
    reply.header('X-Hook', 'preHandler')
  })
  app.addHook('onSend', async (_request, _reply, payload) => `${payload}, sent on`)
  app.addHook('onResponse', async (_request, reply) => note(`onResponse ${reply.statusCode}`))
  app.get('/plain', async () => 'plain')
}

/** Middlewares of Express before a route of Fastify. */
async function expressed(app: FastifyInstance): Promise<void> {
  await app.register(middlewares)
  let made = 0
  app.use(cookieParser('a secret'))
  app.use(
    session({
      secret: 'a secret',
      resave: false,
      saveUninitialized: true,
      genid: () => `session-${made++}`,
    }),
  )
  app.get('/expressed', async (request) => {
    const { session: own, cookies } = request.raw as unknown as {
      session: { views?: number }
      cookies: object
    }
    own.views = (own.views ?? 0) + 1
    return { views: own.views, cookies }
  })
}
