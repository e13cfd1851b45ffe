// With CERTFILE and KEYFILE over TLS, without them in plain text.
import { readFileSync } from 'node:fs'
import { createSecureServer, createServer } from 'node:http2'
import { HELLO } from '../apps/payload.mjs'

const { CERTFILE, KEYFILE, PORT } = process.env

function answer(_req, res) {
  res.writeHead(200, { 'content-type': 'text/plain', 'content-length': HELLO.length })
  res.end(HELLO)
}

const server = CERTFILE
  ? createSecureServer({ cert: readFileSync(CERTFILE), key: readFileSync(KEYFILE) }, answer)
  : createServer(answer)
server.listen(Number(PORT), '127.0.0.1')
