import express, { type RequestHandler } from 'express4'
import { FOLDER, noteEvents, PIECES, PUBLIC, seenBy } from '../support/app-parts.ts'
import type { MadeApp, Note } from '../support/sides.ts'

/** Express 4, which most services still run: it puts prototypes under requests in a way of its own. */
export function createApp(note: Note): MadeApp {
  const app = express()
  app.set('env', 'production')
  app.use('/static', express.static(PUBLIC))
  app.use('/large', express.static(FOLDER))
  app.get('/users/:id', (req, res) => {
    res.json({ params: req.params, query: req.query, ip: req.ip, host: req.hostname })
  })
  app.get('/files/*', (req, res) => {
    res.send((req.params as unknown as Record<string, string>)['0'])
  })
  app.get('/page', (_req, res) => {
    res.send('<p>A page made on demand.</p>')
  })
  app.post('/json', express.json(), (req, res) => {
    res.json({ body: req.body })
  })
  app.post('/form', express.urlencoded({ extended: true }), (req, res) => {
    res.json(req.body)
  })
  app.get('/stream', (_req, res) => {
    for (const piece of PIECES) res.write(piece)
    res.end('end')
  })
  app.get('/events', (req, res) => {
    res.type('text/event-stream').write('data: first\n\n')
    noteEvents(note, 'events', { req, res })
  })
  app.get('/redirect/found', (_req, res) => res.redirect('/page'))
  app.all('/seen', (req, res) => {
    res.json(seenBy(req, res))
  })
  app.get('/errors/thrown', () => {
    throw new Error('thrown')
  })
  app.post('/errors/late', late)
  const below = express()
  below.get('/url', (req, res) => {
    res.json({ url: req.url, base: req.baseUrl, original: req.originalUrl })
  })
  app.use('/mounted', below)
  return { app }
}

const late: RequestHandler = (req, res, next) => {
  res.write('begun')
  req.once('data', () => next(new Error('late')))
}
