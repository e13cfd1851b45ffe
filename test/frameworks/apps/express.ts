import { createReadStream } from 'node:fs'
import type { Socket } from 'node:net'
import { pipeline } from 'node:stream'
import cookieParser from 'cookie-parser'
import express, { type ErrorRequestHandler, type Express, type Router } from 'express'
import multer from 'multer'
import {
  FOLDER,
  LIMIT,
  noteEvents,
  PIECES,
  PUBLIC,
  seenBy,
  textOf,
  until,
} from '../support/app-parts.ts'
import type { MadeApp, Note } from '../support/sides.ts'

/** Express as its guide shows it, with the parsers that it names. */
export function createApp(note: Note): MadeApp {
  const app = express()
  // Else a failed request is told with the stack of its error.
  app.set('env', 'production')
  app.use(cookieParser('a secret'))
  app.use(express.static(PUBLIC, { index: false, redirect: false, fallthrough: true }))
  app.use('/static', express.static(PUBLIC))
  app.use('/large', express.static(FOLDER))
  app.use(routes())
  app.use(bodies(note))
  app.use(cookies())
  app.use('/redirect', redirects())
  app.use(streams(note))
  app.use('/errors', errors(note))
  app.use('/mounted', mounted())
  app.use(toldAsJson(note))
  return { app }
}

function routes(): Router {
  const router = express.Router()
  router
    .route('/users/:id')
    .get((req, res) => res.json({ params: req.params, query: req.query, path: req.path }))
    .put((req, res) => res.status(201).location(`/users/${req.params.id}`).end())
    .delete((_req, res) => res.sendStatus(204))
  router.get('/files/*path', (req, res) => res.send(req.params.path))
  router.get('/page', (_req, res) => res.send('<p>A page made on demand.</p>'))
  router.get('/formats', (req, res) =>
    res.format({
      text: () => res.send('text'),
      html: () => res.send('<p>html</p>'),
      json: () => res.send({ type: 'json', accepts: req.accepts() }),
    }),
  )
  router.get('/vary', (_req, res) => res.vary('Accept').vary('Origin').append('Link', '</a>').end())
  router.get('/bytes', (_req, res) => res.send(Buffer.from('bytes')))
  router.get('/download', (_req, res) => res.download(`${PUBLIC}/hello.txt`, 'näme.txt'))
  router.get('/file', (_req, res) => res.sendFile('hello.txt', { root: PUBLIC, maxAge: '1d' }))
  router.get('/no-file', (_req, res, next) => res.sendFile(`${PUBLIC}/none`, next))
  router.get('/links', (_req, res) => res.links({ next: '/b' }).jsonp({ a: 1 }))
  router.get('/hints', (_req, res) =>
    res.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' }, () => res.send('hinted')),
  )
  router.all('/seen', (req, res) => res.json(seenBy(req, res)))
  router.get('/who', (req, res) =>
    res.json({ ip: req.ip, ips: req.ips, host: req.hostname, secure: req.secure, xhr: req.xhr }),
  )
  router.get('/timeout', (req, res) => {
    res.setTimeout(20, () => res.status(503).send('too late'))
    req.on('timeout', () => undefined)
  })
  return router
}

function bodies(note: Note): Router {
  const router = express.Router()
  const upload = multer({ storage: multer.memoryStorage(), limits: { fileSize: LIMIT } })
  router.post('/json', express.json(), (req, res) => res.json({ body: req.body ?? null }))
  router.post('/form', express.urlencoded({ extended: true }), (req, res) => res.json(req.body))
  router.post('/text', express.text(), (req, res) => res.send(req.body))
  router.post('/raw', express.raw({ type: '*/*' }), (req, res) => res.send(req.body))
  router.post('/upload', upload.any(), (req, res) => {
    const files = req.files as Express.Multer.File[]
    const told = files.map(({ buffer, stream: _, ...file }) => ({ ...file, text: textOf(buffer) }))
    res.json({ body: req.body, files: told })
  })
  router.post('/echo', (req, res) => {
    res.type('text')
    req.pipe(res)
  })
  router.post('/unread', (_req, res) => res.send('fine'))
  router.post('/abort', (req, res) => {
    noteEvents(note, 'abort', { req, res })
    req.once('data', () => note('abort: data'))
  })
  return router
}

function cookies(): Router {
  const router = express.Router()
  router.get('/cookies', (req, res) => res.json(req.cookies))
  router.get('/cookies/set', (_req, res) =>
    res.cookie('a', '1').cookie('b', 'two words', { httpOnly: true, sameSite: 'lax' }).end(),
  )
  router.get('/cookies/clear', (_req, res) => res.clearCookie('a').send('cleared'))
  router.get('/cookies/signed', (req, res) => {
    res.cookie('user', 'tobi', { signed: true })
    res.json(req.signedCookies)
  })
  return router
}

function redirects(): Router {
  const router = express.Router()
  router.get('/found', (_req, res) => res.redirect('/page'))
  router.get('/moved', (_req, res) => res.redirect(301, 'http://other.test/'))
  router.get('/escaped', (_req, res) => res.redirect('/a b?c=é&d=%20'))
  router.get('/back', (req, res) => res.redirect(req.get('Referrer') ?? '/'))
  return router
}

function streams(note: Note): Router {
  const router = express.Router()
  router.get('/stream', (_req, res) => {
    for (const piece of PIECES) res.write(piece)
    res.end('end')
  })
  router.get('/pipeline', (_req, res) => {
    res.type('json')
    pipeline(createReadStream(`${FOLDER}/package-lock.json`), res, (error) =>
      note(`pipeline: ${error?.message ?? 'done'}`),
    )
  })
  router.get('/much', async (_req, res) => {
    for (let turn = 0; turn < 20; turn++)
      if (!res.write(String(turn % 10).repeat(50_000))) await until(res, 'drain')
    res.end()
  })
  router.get('/events', (req, res) => {
    res.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' })
    res.flushHeaders()
    res.write('data: first\n\n')
    noteEvents(note, 'events', { req, res })
  })
  router.get('/wait', (req, res) => {
    noteEvents(note, 'wait', { req, res })
    note('wait: called')
  })
  return router
}

function errors(note: Note): Router {
  const router = express.Router()
  router.get('/thrown', () => {
    throw new Error('thrown')
  })
  router.get('/rejected', async () => {
    throw new Error('rejected')
  })
  router.get('/teapot', (_req, _res, next) =>
    next(Object.assign(new Error('a teapot'), { status: 418, headers: { 'X-Kind': 'oolong' } })),
  )
  router.get('/string', (_req, _res, next) => next('a string'))
  router.get('/status', (_req, res) => res.sendStatus(503))
  router.get('/told', (_req, _res, next) => next(Object.assign(new Error('told'), { told: true })))
  router.post('/late', (req, res, next) => {
    res.on('close', () => note(`late: close, finished ${res.writableFinished}`))
    res.write('begun')
    req.once('data', () => next(new Error('late')))
  })
  return router
}

function mounted(): Express {
  const app = express()
  app.get('/url', (req, res) => {
    res.json({ url: req.url, base: req.baseUrl, original: req.originalUrl, path: app.path() })
  })
  return app
}

/** An error handler of the app's own, for some errors. */
const toldAsJson =
  (note: Note): ErrorRequestHandler =>
  (error, req, res, next) => {
    note(`error: ${error.message ?? error}, head sent ${res.headersSent}`)
    if (!error.told) return next(error)
    const socket: Socket = req.socket
    res.status(500).json({ told: error.message, destroyed: socket.destroyed })
  }
