/** The conformance app as a `(req, res)` listener. See `test/support/apps/fetch.ts`. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { blockLoop, PROBE } from './file-probe.ts'
import {
  AppFailure,
  eventText,
  HINT,
  nextEvent,
  numberOf,
  type Probe,
  parseTarget,
  pattern,
  type Seen,
  streamChunk,
  text,
} from './probe.ts'
import { ruinWorker } from './ruin.ts'

type Route = (
  req: IncomingMessage,
  res: ServerResponse,
  query: URLSearchParams,
) => void | Promise<void>

export function createNodeApp(probe: Probe) {
  const routes: Record<string, Route> = {
    echo: (req, res) => {
      res.setHeader('content-type', 'text/plain')
      req.pipe(res)
    },
    stream: async (_, res, query) => {
      res.setHeader('content-type', 'text/plain')
      const gap = numberOf(query, 'gap', 0)
      res.on('close', () => probe.note(res.writableFinished ? 'finished' : 'closed'))
      for (let index = 0; index < numberOf(query, 'chunks', 4) && !res.destroyed; index += 1) {
        if (gap > 0) await sleep(gap)
        probe.note('chunk')
        if (!res.write(streamChunk(index, numberOf(query, 'size', 1000)))) await drained(res)
      }
      res.end()
    },
    bytes: (_, res, query) => void res.end(pattern(numberOf(query, 'size', 10))),
    text: (_, res, query) => {
      res.setHeader('content-type', 'text/plain;charset=UTF-8')
      res.end(text(numberOf(query, 'size', 10)))
    },
    empty: (_, res) => void res.end(),
    status: (_, res, query) => void res.writeHead(numberOf(query, 'code', 204)).end(),
    fields: (_, res) => {
      res.setHeader('X-Latin', 'caf\xe9')
      res.setHeader('Server', 'mine')
      res.setHeader('Set-Cookie', ['a=1; Path=/', 'b=2; Expires=Thu, 01 Jan 2032 00:00:00 GMT'])
      res.end('fields')
    },
    early: (_, res) => void res.end('early'),
    'trailers-both-ways': async (req, res) => {
      let body = ''
      for await (const piece of req) body += piece
      res.setHeader('trailer', 'X-Sum, X-Late')
      res.write(`${body} ${JSON.stringify(req.rawTrailers)}`)
      await sleep(1)
      res.addTrailers([
        ['X-Sum', '42'],
        ['X-Late', 'a'],
        ['X-Late', 'b'],
        ['X-Unnamed', '1'],
      ])
      res.end(' end')
    },
    hints: async (_, res, query) => {
      for (let left = numberOf(query, 'times', 1); left > 0; left--) {
        res.writeEarlyHints({ link: HINT })
        await sleep(1)
      }
      res.end('hinted')
    },
    length: (_, res, query) => {
      res.setHeader('Content-Length', query.get('declared') ?? '5')
      res.write('x'.repeat(numberOf(query, 'sent', 5)))
      res.end()
    },
    hop: (_, res) => {
      res.setHeader('Transfer-Encoding', 'chunked')
      res.setHeader('Keep-Alive', 'x')
      res.end('hop')
    },
    gate: async (_, res) => {
      await probe.gate()
      res.end('open')
    },
    sleep: async (_, res, query) => {
      await sleep(numberOf(query, 'ms', 10))
      res.end('slept')
    },
    throw: () => {
      throw new AppFailure('secret: thrown')
    },
    reject: async () => {
      await sleep(1)
      throw new AppFailure('secret: rejected')
    },
    break: async (_, res) => {
      res.setHeader('content-type', 'text/plain')
      res.write('begun')
      await sleep(20)
      throw new AppFailure('secret: broke off')
    },
    never: (req) => void req.on('close', () => probe.note('aborted')),
    twice: (_, res) => {
      res.end('once')
      res.end('twice')
    },
    'bad-field': (_, res) => void res.setHeader('X-Bad', 'a\r\nb: c'),
    endless: async (_, res) => {
      res.setHeader('content-type', 'text/plain')
      res.on('close', () => {
        probe.note('aborted')
        probe.note('closed')
      })
      while (!res.destroyed && res.writable) {
        await sleep(1)
        if (!res.write(streamChunk(0, 1000))) await drained(res)
      }
    },
    events: async (_, res, query) => {
      res.on('close', () => probe.note('gone'))
      res.setHeader('Content-Type', 'text/event-stream')
      for (let number = 0; !res.destroyed; number++) {
        res.write(eventText(number))
        await nextEvent(query, probe)
      }
    },
    trailers: (_, res) => {
      res.setHeader('content-type', 'text/plain')
      res.setHeader('Trailer', 'X-Sum')
      res.write('body')
      res.addTrailers({ 'X-Sum': 'abc' })
      res.end()
    },
    sink: async (req, res, query) => {
      let bytes = 0
      for await (const chunk of req) {
        bytes += (chunk as Buffer).length
        await sleep(numberOf(query, 'delay', 0))
      }
      res.end(String(bytes))
    },
    block: (_, res) => {
      blockLoop()
      res.end('blocked')
    },
    ruin: async (_, res, query) => {
      await ruinWorker(query.get('how') ?? '')
      res.end('survived')
    },
  }

  return function app(req: IncomingMessage, res: ServerResponse): void | Promise<void> {
    const { path, query } = parseTarget(req.url ?? '')
    probe.called(req.method ?? '', path)
    const route = /^\/route\/([a-z-]+)$/.exec(path)?.[1]
    if (route !== undefined && Object.hasOwn(routes, route)) return routes[route]!(req, res, query)
    saw(req, res)
  }

  function saw(req: IncomingMessage, res: ServerResponse): void {
    const body: Buffer[] = []
    req.on('data', (chunk: Buffer) => body.push(chunk))
    req.on('error', () => res.destroy())
    req.on('end', () => {
      probe.completed(req.method ?? '', req.url ?? '')
      const seen: Seen = {
        method: req.method ?? '',
        target: req.url ?? '',
        version: req.httpVersion,
        headers: combined(req.rawHeaders),
        body: Buffer.concat(body).toString('latin1'),
        trailers: combined(req.rawTrailers),
      }
      res.setHeader('content-type', 'application/json')
      res.setHeader('x-seen', `${seen.method} ${seen.target}`)
      res.end(JSON.stringify(seen))
    })
  }
}

/** Field lines by name, joined as RFC 9110 section 5.3 says. */
function combined(raw: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = Object.create(null)
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!.toLowerCase()
    const value = raw[at + 1]!
    const separator = name === 'cookie' ? '; ' : ', '
    fields[name] = fields[name] === undefined ? value : fields[name] + separator + value
  }
  return fields
}

/** Resolves when there is room to write, or nobody to write to. */
function drained(res: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    if (res.destroyed) return resolve()
    const settle = () => {
      res.off('drain', settle)
      res.off('close', settle)
      resolve()
    }
    res.on('drain', settle)
    res.on('close', settle)
  })
}

export const app = createNodeApp(PROBE)
