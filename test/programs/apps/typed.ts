// TypeScript, which older versions of Node do not read.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'

const port: number = 3000
const answer = (_req: IncomingMessage, res: ServerResponse): void => {
  res.end('hello from TypeScript')
}
if (process.argv[1] === fileURLToPath(import.meta.url)) createServer(answer).listen(port)
