import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import compression from 'compression'
import cookieParser from 'cookie-parser'
import cors from 'cors'
import express, { type Router } from 'express'
import session from 'express-session'
import helmet from 'helmet'
import { createProxyMiddleware } from 'http-proxy-middleware'
import morgan from 'morgan'
import passport from 'passport'
import { Strategy } from 'passport-local'
import serveStatic from 'serve-static'
import { PUBLIC, TEXT } from '../support/app-parts.ts'
import type { MadeApp, Note } from '../support/sides.ts'

declare module 'express-session' {
  interface SessionData {
    views: number
  }
}

/** Express with the middlewares that most apps have, all at once. */
export async function createApp(note: Note): Promise<MadeApp> {
  const backend = await startBackend()
  const app = express()
  app.set('env', 'production')
  const format = ':method :url :status :http-version :remote-addr :referrer :res[content-length]'
  app.use(
    morgan(format, {
      // The line is written after the answer: cases that wait for it ask for it.
      skip: (req) => req.headers['x-logged'] === undefined,
      stream: { write: (line) => note(`morgan: ${line.trim()}`) },
    }),
  )
  app.use('/proxy', createProxyMiddleware({ target: backend.url }))
  app.use('/proxy-to-none', createProxyMiddleware({ target: 'http://127.0.0.1:1' }))
  app.use(helmet())
  app.use(cors({ origin: 'http://other.test', credentials: true, exposedHeaders: ['X-A'] }))
  app.use(compression({ threshold: 100 }))
  app.use(cookieParser('a secret'))
  app.use(session(sessionOptions()))
  app.use('/static', serveStatic(PUBLIC, { cacheControl: false }))
  app.use('/session', sessions())
  app.use('/auth', authentication())
  app.use(texts(note))
  return { app, close: () => backend.close() }
}

/** Ids that are the same on each server. */
function sessionOptions(): session.SessionOptions {
  let made = 0
  return {
    secret: 'a secret',
    resave: false,
    saveUninitialized: false,
    rolling: true,
    genid: () => `session-${made++}`,
  }
}

function sessions(): Router {
  const router = express.Router()
  router.get('/count', (req, res) => {
    req.session.views = (req.session.views ?? 0) + 1
    res.send(`views: ${req.session.views}`)
  })
  router.get('/streamed', (req, res) => {
    req.session.views = (req.session.views ?? 0) + 1
    res.type('text')
    res.write(`views: ${req.session.views}`)
    res.end(' and no more')
  })
  router.get('/untouched', (_req, res) => res.send('no session'))
  router.get('/redirect', (req, res) => {
    req.session.views = 10
    res.redirect('/session/count')
  })
  router.get('/end', (req, res, next) =>
    req.session.destroy((error) => (error ? next(error) : res.end())),
  )
  router.get('/renew', (req, res, next) =>
    req.session.regenerate((error) => (error ? next(error) : res.send('renewed'))),
  )
  return router
}

function authentication(): Router {
  const local = new passport.Passport()
  const user = { name: 'tobi' }
  local.use(
    new Strategy((name, password, done) => {
      if (name !== user.name || password !== 'ferret') done(null, false, { message: 'No.' })
      else done(null, user)
    }),
  )
  local.serializeUser((_user, done) => done(null, user.name))
  local.deserializeUser((name, done) => done(null, name === user.name ? user : false))
  const router = express.Router()
  router.use(local.initialize(), local.session())
  router.post(
    '/login',
    express.urlencoded({ extended: false }),
    local.authenticate('local', { successRedirect: '/auth/me', failureRedirect: '/auth/sorry' }),
  )
  router.post(
    '/token',
    express.json(),
    local.authenticate('local', { session: false }),
    (_, res) => {
      res.send('a token')
    },
  )
  router.get('/me', (req, res) => {
    if (req.isAuthenticated()) res.json(req.user)
    else res.status(401).send('Who are you?')
  })
  router.post('/logout', (req, res, next) =>
    req.logout((error) => (error ? next(error) : res.redirect('/'))),
  )
  return router
}

function texts(note: Note): Router {
  const router = express.Router()
  router.get('/page', (_req, res) => res.send('<p>A page.</p>'))
  router.get('/text', (_req, res) => res.type('text').send(TEXT))
  router.get('/text-stream', (_req, res) => {
    res.type('text')
    Readable.from([TEXT, TEXT, 'end']).pipe(res)
  })
  router.get('/raw-text', (_req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/plain' })
    res.end(TEXT)
  })
  router.get('/no-transform', (_req, res) =>
    res.type('text').set('Cache-Control', 'no-transform').send(TEXT),
  )
  router.get('/events', (req, res) => {
    res.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' })
    res.write('data: first\n\n')
    ;(res as unknown as { flush(): void }).flush()
    req.on('close', () => note('events: req close'))
    res.on('close', () => note('events: close'))
  })
  router.get('/thrown', () => {
    throw new Error('thrown')
  })
  return router
}

/** What the proxy stands before. */
async function startBackend(): Promise<{ url: string; close(): Promise<unknown> }> {
  const server: Server = createServer((req, res) => {
    res.setHeader('X-Backend', 'yes')
    if (req.url === '/moved') res.writeHead(302, { Location: '/elsewhere' }).end()
    else if (req.url === '/empty') res.writeHead(204).end()
    else {
      res.writeHead(200, 'Fine', ['X-Url', req.url!, 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2'])
      req.pipe(res)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    },
  }
}
