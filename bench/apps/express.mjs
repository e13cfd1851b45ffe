import { Readable } from 'node:stream'
import express from 'express'
import { CHUNK, CHUNKS, HELLO, LARGE, LIST } from './payload.mjs'

function* chunks() {
  for (let count = 0; count < CHUNKS; count++) yield CHUNK
}

const large = Buffer.from(LARGE.buffer)
const app = express()
// The middleware that compresses, where that is not the server's part.
if (process.env.COMPRESSION) {
  const { default: compression } = await import(process.env.COMPRESSION)
  app.use(compression({ level: Number(process.env.COMPRESSION_LEVEL ?? -1) }))
}
// An ETag is a hash of each body, which no other server here makes.
app.disable('etag')
app.get('/', (_req, res) => res.type('text/plain').send(HELLO))
app.get('/json', (_req, res) => res.json({ message: HELLO }))
app.get('/list', (_req, res) => res.type('json').send(LIST))
app.post('/echo', express.text(), (req, res) => res.type('text/plain').send(req.body))
app.get('/stream', (_req, res) => {
  res.type('text/plain')
  Readable.from(chunks()).pipe(res)
})
app.get('/1mb', (_req, res) => res.type('text/plain').send(large))

export default app
