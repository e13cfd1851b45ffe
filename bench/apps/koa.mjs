import { Readable } from 'node:stream'
import Koa from 'koa'
import { CHUNK, CHUNKS, HELLO, LARGE } from './payload.mjs'

function* chunks() {
  for (let count = 0; count < CHUNKS; count++) yield CHUNK
}

/** Koa has no parser of bodies of its own. */
async function textOf(req) {
  let text = ''
  for await (const chunk of req.setEncoding('utf8')) text += chunk
  return text
}

const large = Buffer.from(LARGE.buffer)
const ROUTES = {
  '/': () => HELLO,
  '/json': () => ({ message: HELLO }),
  '/echo': (ctx) => textOf(ctx.req),
  '/stream': (ctx) => {
    ctx.type = 'text/plain'
    return Readable.from(chunks())
  },
  '/1mb': (ctx) => {
    ctx.type = 'text/plain'
    return large
  },
}

const app = new Koa()
app.use(async (ctx) => {
  ctx.body = await ROUTES[ctx.path]?.(ctx)
})

export default app
