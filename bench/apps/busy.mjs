// A listener that computes for as long as it is asked to: monodon and node:cluster run the same one.
import { HELLO } from './payload.mjs'

function busy(ms) {
  const end = performance.now() + ms
  while (performance.now() < end);
}

export function app(req, res) {
  const ms = /^\/busy\/(\d+)$/.exec(req.url)?.[1]
  if (ms !== undefined) busy(Number(ms))
  res.writeHead(200, { 'content-type': 'text/plain', 'content-length': HELLO.length })
  res.end(HELLO)
}
