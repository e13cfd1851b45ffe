import { Readable } from 'node:stream'
import Fastify from 'fastify'
import { CHUNK, CHUNKS, HELLO, LARGE } from './payload.mjs'

function* chunks() {
  for (let count = 0; count < CHUNKS; count++) yield CHUNK
}

const large = Buffer.from(LARGE.buffer)
const app = Fastify()
app.get('/', (_request, reply) => reply.type('text/plain').send(HELLO))
app.get('/json', () => ({ message: HELLO }))
app.post('/echo', (request, reply) => reply.type('text/plain').send(request.body))
app.get('/stream', (_request, reply) => reply.type('text/plain').send(Readable.from(chunks())))
app.get('/1mb', (_request, reply) => reply.type('text/plain').send(large))

export default app
