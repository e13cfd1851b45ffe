import { Hono } from 'hono'
import { stream } from 'hono/streaming'
import { CHUNK, CHUNKS, HELLO, LARGE } from './payload.mjs'

const app = new Hono()
app.get('/', (c) => c.text(HELLO))
app.get('/json', (c) => c.json({ message: HELLO }))
app.post('/echo', async (c) => c.text(await c.req.text()))
app.get('/stream', (c) => {
  c.header('content-type', 'text/plain')
  return stream(c, async (out) => {
    for (let count = 0; count < CHUNKS; count++) await out.write(CHUNK)
  })
})
app.get('/1mb', (c) => c.body(LARGE, 200, { 'content-type': 'text/plain' }))

export default app
