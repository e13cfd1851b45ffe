// Argument: the module of uWebSockets.js.
import { CHUNK, CHUNKS, HELLO, LARGE } from '../apps/payload.mjs'

const { default: uWS } = await import(process.argv[2])

// It sends no Date by itself, as RFC 9110 section 6.6.1 asks of a server with a clock.
let date = new Date().toUTCString()
setInterval(() => {
  date = new Date().toUTCString()
}, 1000).unref()

const start = (res, type) => res.writeHeader('content-type', type).writeHeader('date', date)

function echo(res) {
  const chunks = []
  res.onAborted(() => {})
  res.onData((chunk, last) => {
    // The chunk's memory is the server's again after this call.
    chunks.push(Buffer.from(chunk.slice(0)))
    if (last) res.cork(() => start(res, 'text/plain').end(Buffer.concat(chunks)))
  })
}

function stream(res) {
  start(res, 'text/plain')
  for (let count = 0; count < CHUNKS; count++) res.write(CHUNK)
  res.end()
}

function large(res) {
  res.onAborted(() => {})
  start(res, 'text/plain')
  const [, done] = res.tryEnd(LARGE, LARGE.length)
  if (done) return
  res.onWritable((offset) => res.tryEnd(LARGE.subarray(offset), LARGE.length)[0])
}

uWS
  .App()
  .get('/', (res) => start(res, 'text/plain').end(HELLO))
  .get('/json', (res) => start(res, 'application/json').end(JSON.stringify({ message: HELLO })))
  .post('/echo', echo)
  .get('/stream', stream)
  .get('/1mb', large)
  .listen('127.0.0.1', Number(process.env.PORT), (socket) => {
    if (!socket) process.exit(1)
  })
