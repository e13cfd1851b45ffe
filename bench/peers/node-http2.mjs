import { createServer } from 'node:http2'
import { HELLO } from '../apps/payload.mjs'

createServer((_req, res) => {
  res.writeHead(200, { 'content-type': 'text/plain', 'content-length': HELLO.length })
  res.end(HELLO)
}).listen(Number(process.env.PORT), '127.0.0.1')
