// The least that is a server of Node's: what a cold start of one takes is measured with it.
import { createServer } from 'node:http'

createServer((_, response) => response.end('Hello, World!')).listen(
  Number(process.env.PORT),
  '127.0.0.1',
)
