import type { InterfaceContext } from '../../lib/interface/interface.ts'
import { type StartResponse, type WSGIApplication, wsgi } from '../../lib/interface/wsgi.ts'
import { FakeExchange, type FakeOptions } from '../support/fake-exchange.ts'

/** A context that remembers what the worker would wait for. */
function contextOf(pending: Promise<unknown>[] = []): InterfaceContext {
  return {
    serverName: '127.0.0.1',
    serverPort: '8000',
    multiprocess: false,
    websocketBacklog: 65_536,
    waitUntil: (promise) => void pending.push(promise),
  }
}

/** An exchange that the app has been called with, and is perhaps still answering. */
export function begin(
  app: WSGIApplication,
  options: FakeOptions = {},
  pending: Promise<unknown>[] = [],
): FakeExchange {
  const exchange = new FakeExchange(options)
  wsgi(app, contextOf(pending))(exchange)
  return exchange
}

/** An exchange that the app has answered, and everything is closed. */
export async function answer(
  app: WSGIApplication,
  options: FakeOptions = {},
): Promise<FakeExchange> {
  const pending: Promise<unknown>[] = []
  const exchange = begin(app, options, pending)
  await exchange.over
  await turn()
  await Promise.allSettled(pending)
  return exchange
}

/** Lets everything run that waits for nothing but its turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
}

export const ok = (startResponse: StartResponse, ...headers: [string, string][]) =>
  startResponse('200 OK', headers)
