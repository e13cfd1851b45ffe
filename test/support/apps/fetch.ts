/** The conformance app as a fetch handler. `test/support/apps/wsgi.ts` and `node.ts` do the same. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FetchInfo } from 'monodon'
import { blockLoop, PROBE } from './file-probe.ts'
import {
  AppFailure,
  events,
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

type ResponseClass = typeof globalThis.Response

const PLAIN = { headers: { 'content-type': 'text/plain' } }

export function createFetchApp(probe: Probe, Reply: ResponseClass = globalThis.Response) {
  const routes: Record<
    string,
    (request: Request, query: URLSearchParams, info: FetchInfo) => unknown
  > = {
    echo: (request) => new Reply(request.body, PLAIN),
    stream: (request, query) => new Reply(chunks(request, query, probe), PLAIN),
    bytes: (_, query) => new Reply(pattern(numberOf(query, 'size', 10)) as Uint8Array<ArrayBuffer>),
    text: (_, query) => new Reply(text(numberOf(query, 'size', 10))),
    empty: () => new Reply(null),
    status: (_, query) => new Reply(null, { status: numberOf(query, 'code', 204) }),
    fields: () => {
      const headers = new Headers({ 'x-latin': 'caf\xe9', server: 'mine' })
      headers.append('set-cookie', 'a=1; Path=/')
      headers.append('set-cookie', 'b=2; Expires=Thu, 01 Jan 2032 00:00:00 GMT')
      return new Reply('fields', { headers })
    },
    early: () => new Reply('early'),
    hints: async (_, query, info) => {
      for (let left = numberOf(query, 'times', 1); left > 0; left--) {
        info.earlyHints({ link: HINT })
        await sleep(1)
      }
      return new Reply('hinted')
    },
    length: (_, query) =>
      new Reply(pieces([text(0), 'x'.repeat(numberOf(query, 'sent', 5))]), {
        headers: { 'content-length': query.get('declared') ?? '5' },
      }),
    hop: () => new Reply('hop', { headers: { 'transfer-encoding': 'chunked', 'keep-alive': 'x' } }),
    gate: async () => {
      await probe.gate()
      return new Reply('open')
    },
    sleep: async (_, query) => {
      await sleep(numberOf(query, 'ms', 10))
      return new Reply('slept')
    },
    throw: () => {
      throw new AppFailure('secret: thrown')
    },
    reject: async () => {
      await sleep(1)
      throw new AppFailure('secret: rejected')
    },
    break: () => new Reply(breaking(), PLAIN),
    never: (request) => {
      request.signal.addEventListener('abort', () => probe.note('aborted'))
      return new Promise(() => undefined)
    },
    twice: () => {
      const reply = new Reply('once')
      return reply.text().then(() => reply) // its body is used up: it cannot be sent as well
    },
    'bad-field': () => ({ status: 200, headers: new Map([['x-bad', 'a\r\nb: c']]), body: null }),
    'not-a-response': () => 'hello',
    endless: (request) => new Reply(endless(request, probe), PLAIN),
    events: (request, query) => {
      request.signal.addEventListener('abort', () => probe.note('gone'))
      const waits = () => nextEvent(query, probe)
      const body = query.has('stream') ? eventStream(waits) : events(request.signal, waits, probe)
      return new Reply(body as BodyInit, { headers: { 'content-type': 'text/event-stream' } })
    },
    sink: async (request, query) => {
      let bytes = 0
      for await (const chunk of request.body ?? []) {
        bytes += chunk.length
        await sleep(numberOf(query, 'delay', 0))
      }
      return new Reply(String(bytes))
    },
    block: () => {
      blockLoop()
      return new Reply('blocked')
    },
    ruin: async (_, query) => {
      await ruinWorker(query.get('how') ?? '')
      return new Reply('survived')
    },
  }

  return {
    async fetch(request: Request, info: FetchInfo): Promise<Response> {
      const { path, query } = parseTarget(request.url)
      probe.called(request.method, path)
      const route = /^\/route\/([a-z-]+)$/.exec(path)?.[1]
      if (route !== undefined && Object.hasOwn(routes, route))
        return (await routes[route]!(request, query, info)) as Response
      return saw(request)
    },
  }

  async function saw(request: Request): Promise<Response> {
    const body = Buffer.from(await request.arrayBuffer()).toString('latin1')
    probe.completed(request.method, request.url)
    const seen: Seen = {
      method: request.method,
      target: request.url,
      url: request.url,
      headers: Object.fromEntries(request.headers),
      body,
    }
    return new Reply(JSON.stringify(seen), {
      headers: { 'content-type': 'application/json', 'x-seen': `${request.method} ${seen.target}` },
    })
  }
}

function pieces(strings: readonly string[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream({
    start(controller) {
      for (const piece of strings) if (piece !== '') controller.enqueue(encoder.encode(piece))
      controller.close()
    },
  })
}

function chunks(
  request: Request,
  query: URLSearchParams,
  probe: Probe,
): ReadableStream<Uint8Array> {
  const count = numberOf(query, 'chunks', 4)
  const size = numberOf(query, 'size', 1000)
  const gap = numberOf(query, 'gap', 0)
  let index = 0
  request.signal.addEventListener('abort', () => probe.note('aborted'))
  return new ReadableStream(
    {
      async pull(controller) {
        if (gap > 0) await sleep(gap)
        if (index === count) return controller.close()
        controller.enqueue(streamChunk(index, size))
        index += 1
        probe.note('chunk')
      },
      cancel: () => probe.note('closed'),
    },
    { highWaterMark: 0 },
  )
}

function breaking(): ReadableStream<Uint8Array> {
  let begun = false
  return new ReadableStream({
    async pull(controller) {
      if (begun) await sleep(20)
      if (begun) throw new AppFailure('secret: broke off')
      begun = true
      controller.enqueue(new TextEncoder().encode('begun'))
    },
  })
}

function endless(request: Request, probe: Probe): ReadableStream<Uint8Array> {
  request.signal.addEventListener('abort', () => probe.note('aborted'))
  return new ReadableStream({
    async pull(controller) {
      await sleep(1)
      controller.enqueue(streamChunk(0, 1000))
    },
    cancel: () => probe.note('closed'),
  })
}

/** Server-Sent Events as a stream, which waits in `pull`. */
function eventStream(waits: () => Promise<void>): ReadableStream<Uint8Array> {
  let number = 0
  return new ReadableStream({
    async pull(controller) {
      if (number > 0) await waits()
      controller.enqueue(new TextEncoder().encode(eventText(number++)))
    },
  })
}

export const app = createFetchApp(PROBE)
