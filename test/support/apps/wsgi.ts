/** The conformance app as a WSGI application. See `test/support/apps/fetch.ts`. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Environ, StartResponse, WSGIBody } from '../../../lib/interface/wsgi.ts'
import { blockLoop, PROBE } from './file-probe.ts'
import {
  AppFailure,
  events,
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

type Answer = WSGIBody | Promise<WSGIBody>
type Route = (environ: Environ, start: StartResponse, query: URLSearchParams) => Answer

const PLAIN: [string, string][] = [['Content-Type', 'text/plain']]

export function createWSGIApp(probe: Probe) {
  const routes: Record<string, Route> = {
    echo: (environ, start) => {
      start('200 OK', [...PLAIN])
      return environ['wsgi.input']
    },
    stream: (environ, start, query) => {
      start('200 OK', [...PLAIN])
      environ['monodon.signal'].addEventListener('abort', () => probe.note('aborted'))
      return chunks(query, probe)
    },
    bytes: (_, start, query) => {
      start('200 OK', [])
      return [pattern(numberOf(query, 'size', 10))]
    },
    text: (_, start, query) => {
      start('200 OK', [['Content-Type', 'text/plain;charset=UTF-8']])
      return [text(numberOf(query, 'size', 10))]
    },
    empty: (_, start) => {
      start('200 OK', [])
      return []
    },
    status: (_, start, query) => {
      start(`${query.get('code') ?? '204'} Chosen`, [])
      return []
    },
    fields: (_, start) => {
      start('200 OK', [
        ['X-Latin', 'caf\xe9'],
        ['Server', 'mine'],
        ['Set-Cookie', 'a=1; Path=/'],
        ['Set-Cookie', 'b=2; Expires=Thu, 01 Jan 2032 00:00:00 GMT'],
      ])
      return ['fields']
    },
    hints: async (environ, start, query) => {
      for (let left = numberOf(query, 'times', 1); left > 0; left--) {
        environ['wsgi.early_hints']([['Link', HINT]])
        await sleep(1)
      }
      start('200 OK', [])
      return ['hinted']
    },
    early: (_, start) => {
      start('200 OK', [])
      return ['early']
    },
    length: (_, start, query) => {
      start('200 OK', [['Content-Length', query.get('declared') ?? '5']])
      return ['', 'x'.repeat(numberOf(query, 'sent', 5))]
    },
    hop: (_, start) => {
      start('200 OK', [['Transfer-Encoding', 'chunked']])
      return ['hop']
    },
    gate: async (_, start) => {
      await probe.gate()
      start('200 OK', [])
      return ['open']
    },
    sleep: async (_, start, query) => {
      await sleep(numberOf(query, 'ms', 10))
      start('200 OK', [])
      return ['slept']
    },
    throw: () => {
      throw new AppFailure('secret: thrown')
    },
    reject: async () => {
      await sleep(1)
      throw new AppFailure('secret: rejected')
    },
    break: (_, start) => {
      start('200 OK', [...PLAIN])
      return breaking()
    },
    never: (environ) => {
      environ['monodon.signal'].addEventListener('abort', () => probe.note('aborted'))
      return new Promise(() => undefined)
    },
    twice: (_, start) => {
      start('200 OK', [])
      start('201 Created', []) // PEP 3333: without excInfo this is a fatal error
      return ['twice']
    },
    'bad-field': (_, start) => {
      start('200 OK', [['X-Bad', 'a\r\nb: c']])
      return ['bad']
    },
    'not-a-body': (_, start) => {
      start('200 OK', [])
      return 7 as unknown as WSGIBody
    },
    'no-start': () => ['never started'],
    endless: (environ, start) => {
      start('200 OK', [...PLAIN])
      environ['monodon.signal'].addEventListener('abort', () => probe.note('aborted'))
      return endless(probe)
    },
    events: (environ, start, query) => {
      start('200 OK', [['Content-Type', 'text/event-stream']])
      const signal = environ['monodon.signal']
      signal.addEventListener('abort', () => probe.note('gone'))
      return events(signal, () => nextEvent(query, probe), probe)
    },
    sink: async (environ, start, query) => {
      let bytes = 0
      for await (const chunk of environ['wsgi.input']) {
        bytes += chunk.length
        await sleep(numberOf(query, 'delay', 0))
      }
      start('200 OK', [])
      return [String(bytes)]
    },
    block: (_, start) => {
      blockLoop()
      start('200 OK', [])
      return ['blocked']
    },
    ruin: async (_, start, query) => {
      await ruinWorker(query.get('how') ?? '')
      start('200 OK', [])
      return ['survived']
    },
  }

  return function app(environ: Environ, startResponse: StartResponse): Answer {
    const { path, query } = parseTarget(environ.RAW_URI)
    probe.called(environ.REQUEST_METHOD, path)
    const route = /^\/route\/([a-z-]+)$/.exec(path)?.[1]
    if (route !== undefined && Object.hasOwn(routes, route))
      return routes[route]!(environ, startResponse, query)
    return saw(environ, startResponse)
  }

  async function saw(environ: Environ, start: StartResponse): Promise<WSGIBody> {
    const body = Buffer.from(await environ['wsgi.input'].read()).toString('latin1')
    probe.completed(environ.REQUEST_METHOD, environ.RAW_URI)
    const seen: Seen = {
      method: environ.REQUEST_METHOD,
      target: environ.RAW_URI,
      version: environ.SERVER_PROTOCOL.replace('HTTP/', ''),
      headers: fieldsOf(environ),
      body,
    }
    start('200 OK', [
      ['Content-Type', 'application/json'],
      ['X-Seen', `${seen.method} ${seen.target}`],
    ])
    return [JSON.stringify(seen)]
  }
}

/** The header fields of a request, by their names on the wire. */
function fieldsOf(environ: Environ): Record<string, string> {
  const fields: Record<string, string> = Object.create(null)
  for (const [key, value] of Object.entries(environ)) {
    if (key === 'CONTENT_TYPE' || key === 'CONTENT_LENGTH') {
      if (value !== '' && value !== undefined) fields[wireName(key)] = String(value)
    } else if (key.startsWith('HTTP_')) fields[wireName(key.slice(5))] = String(value)
  }
  return fields
}

function wireName(key: string): string {
  return key.toLowerCase().replaceAll('_', '-')
}

async function* chunks(query: URLSearchParams, probe: Probe): AsyncGenerator<Uint8Array> {
  const gap = numberOf(query, 'gap', 0)
  try {
    for (let index = 0; index < numberOf(query, 'chunks', 4); index += 1) {
      if (gap > 0) await sleep(gap)
      probe.note('chunk')
      yield streamChunk(index, numberOf(query, 'size', 1000))
    }
  } finally {
    probe.note('closed')
  }
}

async function* breaking(): AsyncGenerator<string> {
  yield 'begun'
  await sleep(20)
  throw new AppFailure('secret: broke off')
}

async function* endless(probe: Probe): AsyncGenerator<Uint8Array> {
  try {
    for (;;) {
      await sleep(1)
      yield streamChunk(0, 1000)
    }
  } finally {
    probe.note('closed')
  }
}

export const app = createWSGIApp(PROBE)
