// A program that listens by itself: `node server.js` and `monodon server.js` serve the same.
import { createServer } from 'node:http'

const server = createServer((req, res) => {
  res.setHeader('content-type', 'text/plain; charset=utf-8')
  res.end(`Hello from ${req.url}\n`)
})

server.listen(3000, () => console.log('listening on port', server.address().port))
