/** An app that hears of its own requests by `node:diagnostics_channel`, and notes what it hears. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { channel, subscribe } from 'node:diagnostics_channel'
import { type RequestMessage, upgradeWebSocket } from 'monodon'
import { PROBE } from './file-probe.ts'

const store = new AsyncLocalStorage<string>()
const seen = new WeakMap<RequestMessage, number>()
let count = 0

channel('monodon:request:start').bindStore(store, (message) => (message as RequestMessage).target)
for (const event of ['start', 'response', 'error', 'end']) {
  subscribe(`monodon:request:${event}`, (published) => {
    const message = published as RequestMessage
    if (!seen.has(message)) seen.set(message, ++count)
    const { method, target, httpVersion, remoteAddress, status, error, aborted } = message
    const told = [event, method, target, httpVersion, remoteAddress, message.header('x-a') ?? '-']
    const why = error instanceof Error ? error.message : '-'
    const outcome = [status ?? '-', why, aborted, message.worker]
    PROBE.note([`#${seen.get(message)}`, ...told, ...outcome].join(' '))
  })
}

const routes: Record<string, (request: Request) => Response | Promise<Response>> = {
  '/stored': () => new Response(store.getStore()),
  '/later': async () => {
    await PROBE.gate()
    return new Response(store.getStore(), { status: 201 })
  },
  '/stream': () => {
    const chunks = ['a'.repeat(100_000), 'b'.repeat(100_000)].values()
    return new Response(
      new ReadableStream<Uint8Array>({
        pull(controller) {
          const { value, done } = chunks.next()
          if (done) controller.close()
          else controller.enqueue(Buffer.from(value))
        },
      }),
    )
  },
  '/throw': () => {
    throw new Error('broken')
  },
  '/socket': (request) => {
    const { socket, response } = upgradeWebSocket(request)
    socket.onmessage = ({ data }) => socket.send(data)
    return response
  },
}

export const app = (request: Request): Response | Promise<Response> =>
  routes[new URL(request.url).pathname]!(request)
