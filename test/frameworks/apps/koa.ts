import { createReadStream } from 'node:fs'
import { PassThrough, Readable } from 'node:stream'
import { bodyParser } from '@koa/bodyparser'
import Koa, { type Context, type Middleware } from 'koa'
import serve from 'koa-static'
import { FOLDER, noteEvents, PIECES, PUBLIC, seenBy } from '../support/app-parts.ts'
import type { MadeApp, Note } from '../support/sides.ts'

/** Koa as its guide shows it. It has no router: the app looks the route up. */
export function createApp(note: Note): MadeApp {
  const app = new Koa({ keys: ['a secret'] })
  app.on('error', (error: Error) => note(`error: ${error.message?.replace(PUBLIC, '') ?? error}`))
  app.use(async (ctx, next) => {
    await next()
    ctx.set('X-Middleware', 'around')
  })
  app.use(below('/static/', serve(PUBLIC, { hidden: false })))
  app.use(below('/large/', serve(FOLDER)))
  app.use(bodyParser({ encoding: 'utf-8', enableTypes: ['json', 'form', 'text'] }))
  const routes = {
    ...pages(),
    ...bodies(),
    ...cookies(),
    ...redirects(),
    ...streams(note),
    ...errors(),
  }
  app.use(async (ctx, next) => {
    const route = routes[`${ctx.method === 'HEAD' ? 'GET' : ctx.method} ${ctx.path}`]
    if (route === undefined) await next()
    else await route(ctx)
  })
  app.use((ctx) => {
    const [, id] = /^\/users\/([^/]+)$/.exec(ctx.path) ?? []
    if (id === undefined || ctx.method === 'PATCH') return
    if (ctx.method === 'DELETE') ctx.status = 204
    else ctx.body = { id, query: ctx.query, url: ctx.url, href: ctx.href, host: ctx.hostname }
  })
  return { app }
}

type Routes = Record<string, (ctx: Context) => unknown>

/** A middleware for what is below a path, as koa-mount does it. */
function below(path: string, middleware: Middleware): Middleware {
  return async (ctx, next) => {
    if (!ctx.path.startsWith(path)) return next()
    const whole = ctx.path
    ctx.path = whole.slice(path.length - 1)
    await middleware(ctx, async () => undefined)
    ctx.path = whole
  }
}

function pages(): Routes {
  return {
    'GET /page': (ctx) => {
      ctx.etag = 'page'
      ctx.lastModified = new Date(0)
      ctx.status = 200
      if (ctx.fresh) ctx.status = 304
      else ctx.body = '<p>A page made on demand.</p>'
    },
    'GET /formats': (ctx) => {
      ctx.vary('Accept')
      ctx.body = { chosen: ctx.accepts('json', 'html', 'text'), encodings: ctx.acceptsEncodings() }
    },
    'GET /who': (ctx) => {
      ctx.body = { ip: ctx.ip, ips: ctx.ips, secure: ctx.secure, protocol: ctx.protocol }
    },
    'GET /bytes': (ctx) => {
      ctx.body = Buffer.from('bytes')
    },
    'GET /blob': (ctx) => {
      ctx.body = new Blob(['a ', 'blob'], { type: 'text/plain' })
    },
    'GET /response': (ctx) => {
      ctx.body = new Response('a Response', { status: 203, headers: { 'X-A': 'b' } })
    },
    'GET /null': (ctx) => {
      ctx.body = null
    },
    'GET /download': (ctx) => {
      ctx.attachment('näme.txt')
      ctx.body = createReadStream(`${PUBLIC}/hello.txt`)
    },
    'GET /reason': (ctx) => {
      ctx.status = 404
      ctx.message = 'Nothing Here'
      ctx.body = 'none'
    },
    'GET /hints': (ctx) => {
      ctx.res.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' })
      ctx.body = 'hinted'
    },
    'GET /seen': (ctx) => {
      ctx.body = seenBy(ctx.req, ctx.res)
    },
    'POST /seen': (ctx) => {
      ctx.body = seenBy(ctx.req, ctx.res)
    },
    'GET /timeout': (ctx) =>
      new Promise<void>((resolve) => {
        ctx.res.setTimeout(20, () => {
          ctx.status = 503
          ctx.body = 'too late'
          resolve()
        })
      }),
  }
}

function bodies(): Routes {
  const parsed = (ctx: Context) => {
    ctx.body = { body: ctx.request.body ?? null, raw: ctx.request.rawBody ?? null }
  }
  return { 'POST /json': parsed, 'POST /form': parsed, 'POST /text': parsed }
}

function cookies(): Routes {
  return {
    'GET /cookies': (ctx) => {
      ctx.body = { a: ctx.cookies.get('a'), b: ctx.cookies.get('b') }
    },
    'GET /cookies/set': (ctx) => {
      ctx.cookies.set('a', '1', { signed: false })
      ctx.cookies.set('b', 'two', { signed: false, sameSite: 'lax' })
      ctx.body = 'set'
    },
    'GET /cookies/clear': (ctx) => {
      ctx.cookies.set('a')
      ctx.body = 'cleared'
    },
    'GET /cookies/signed': (ctx) => {
      ctx.body = { user: ctx.cookies.get('user') ?? null }
      ctx.cookies.set('user', 'tobi', { signed: true })
    },
  }
}

function redirects(): Routes {
  return {
    'GET /redirect/found': (ctx) => ctx.redirect('/page'),
    'GET /redirect/moved': (ctx) => {
      ctx.status = 301
      ctx.redirect('http://other.test/')
      ctx.body = 'moved'
    },
    'GET /redirect/escaped': (ctx) => ctx.redirect('/a b?c=é&d=%20'),
    'GET /redirect/back': (ctx) => ctx.back('/'),
  }
}

function streams(note: Note): Routes {
  return {
    'GET /stream': (ctx) => {
      ctx.body = Readable.from(PIECES.map((piece) => Buffer.from(piece)))
    },
    'GET /pipeline': async (ctx) => {
      ctx.type = 'json'
      ctx.body = createReadStream(`${FOLDER}/package-lock.json`)
      ctx.res.once('close', () => note('pipeline: done'))
    },
    'GET /much': (ctx) => {
      ctx.body = Readable.from(
        Array.from({ length: 20 }, (_, at) => String(at % 10).repeat(50_000)),
      )
    },
    'GET /web-stream': (ctx) => {
      ctx.body = new Blob(PIECES.map((piece) => Buffer.from(piece))).stream()
    },
    'POST /echo': (ctx) => {
      ctx.type = 'text'
      ctx.body = ctx.req
    },
    'POST /unread': (ctx) => {
      ctx.body = 'fine'
    },
    'GET /events': (ctx) => {
      const events = new PassThrough()
      ctx.type = 'text/event-stream'
      ctx.flushHeaders()
      events.write('data: first\n\n')
      noteEvents(note, 'events', ctx)
      ctx.body = events
    },
    'GET /wait': (ctx) => {
      noteEvents(note, 'wait', ctx)
      note('wait: called')
      return new Promise<void>((resolve) => ctx.res.once('close', resolve))
    },
    'POST /abort': (ctx) => {
      noteEvents(note, 'abort', ctx)
      ctx.req.once('data', () => note('abort: data'))
      return new Promise<void>((resolve) => ctx.res.once('close', resolve))
    },
    'GET /bypassed': (ctx) => {
      ctx.respond = false
      ctx.res.statusCode = 202
      ctx.res.end('bypassed')
    },
  }
}

function errors(): Routes {
  return {
    'GET /errors/thrown': () => {
      throw new Error('thrown')
    },
    'GET /errors/rejected': async () => {
      throw new Error('rejected')
    },
    'GET /errors/teapot': (ctx) => ctx.throw(418, 'a teapot', { headers: { 'X-Kind': 'oolong' } }),
    'GET /errors/exposed': (ctx) => ctx.throw(500, 'told', { expose: true }),
    'GET /errors/asserted': (ctx) => ctx.assert(false, 401, 'Who are you?'),
    'GET /errors/string': () => {
      throw 'a string'
    },
    'GET /errors/status': (ctx) => {
      ctx.status = 503
    },
    'GET /errors/no-file': (ctx) => {
      ctx.body = createReadStream(`${PUBLIC}/none`)
    },
    'POST /errors/late': (ctx) => {
      const body = new PassThrough()
      body.write('begun')
      ctx.body = body
      ctx.req.once('data', () => ctx.res.destroy(new Error('late')))
    },
  }
}
