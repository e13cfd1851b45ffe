// A plain (req, res) listener: monodon's node interface and node:http run the same one.
import { Readable } from 'node:stream'
import { block, CHUNK, CHUNKS, feed, HELLO, LARGE, readSlowly } from './payload.mjs'

function send(res, type, body) {
  res.writeHead(200, { 'content-type': type, 'content-length': body.length })
  res.end(body)
}

async function echo(req, res) {
  const chunks = []
  for await (const chunk of req) chunks.push(chunk)
  send(res, 'text/plain', chunks.length === 1 ? chunks[0] : Buffer.concat(chunks))
}

async function stream(res) {
  res.writeHead(200, { 'content-type': 'text/plain' })
  for (let count = 0; count < CHUNKS; count++) {
    if (!res.write(CHUNK)) await new Promise((resolve) => res.once('drain', resolve))
  }
  res.end()
}

export function app(req, res) {
  switch (req.url) {
    case '/':
      send(res, 'text/plain', HELLO)
      break
    case '/json':
      send(res, 'application/json', JSON.stringify({ message: HELLO }))
      break
    case '/echo':
      echo(req, res)
      break
    case '/stream':
      stream(res)
      break
    case '/1mb':
      send(res, 'text/plain', LARGE)
      break
    case '/feed':
      res.writeHead(200, { 'content-type': 'text/plain' })
      Readable.from(feed()).pipe(res)
      break
    case '/sink':
      readSlowly(req).then((length) => send(res, 'text/plain', String(length)))
      break
    case '/block':
      block()
      send(res, 'text/plain', HELLO)
      break
    default:
      res.writeHead(404, { 'content-length': 0 })
      res.end()
  }
}
