/** A listener of `node:http`: `monodon examples/node.ts --interface node`. */
import type { IncomingMessage, ServerResponse } from 'node:http'

export default function listener(req: IncomingMessage, res: ServerResponse): void {
  res.setHeader('content-type', 'text/plain; charset=utf-8')
  res.end(`Hello, ${req.url}!\n`)
}
