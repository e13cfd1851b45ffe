import { Readable } from 'node:stream'
import express from 'express'
import { CHUNK, CHUNKS, HELLO, LARGE } from './payload.mjs'

function* chunks() {
  for (let count = 0; count < CHUNKS; count++) yield CHUNK
}

const large = Buffer.from(LARGE.buffer)
const app = express()
// An ETag is a hash of each body, which no other server here makes.
app.disable('etag')
app.get('/', (_req, res) => res.type('text/plain').send(HELLO))
app.get('/json', (_req, res) => res.json({ message: HELLO }))
app.post('/echo', express.text(), (req, res) => res.type('text/plain').send(req.body))
app.get('/stream', (_req, res) => {
  res.type('text/plain')
  Readable.from(chunks()).pipe(res)
})
app.get('/1mb', (_req, res) => res.type('text/plain').send(large))

export default app
