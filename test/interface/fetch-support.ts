/** What the tests of the fetch interface share: an app behind it, over an exchange in memory. */
import { type FetchApp, fetchInterface } from '../../lib/interface/fetch.ts'
import type { InterfaceContext } from '../../lib/interface/interface.ts'
import { FakeExchange, type FakeOptions } from '../support/fake-exchange.ts'

export const context: InterfaceContext = {
  serverName: '127.0.0.1',
  serverPort: '8000',
  multiprocess: false,
  websocketBacklog: 65_536,
  waitUntil() {},
}

/** What an app may return, not all of which is a `Response`. */
export type AnyApp = (request: Request) => unknown

export function begin(app: AnyApp | { fetch: AnyApp }, options?: FakeOptions): FakeExchange {
  const exchange = new FakeExchange(options)
  fetchInterface(app as FetchApp, context)(exchange)
  return exchange
}

export async function run(
  app: AnyApp | { fetch: AnyApp },
  options?: FakeOptions,
): Promise<FakeExchange> {
  const exchange = begin(app, options)
  await exchange.over
  return exchange
}

export const turn = () => new Promise((resolve) => setImmediate(resolve))
export const encode = (text: string) => new TextEncoder().encode(text)

/** A stream whose chunks the test pushes, and which notes how it was cancelled. */
export function pushed(strategy?: QueuingStrategy) {
  let controller!: ReadableStreamDefaultController
  const seen = { pulls: 0, cancelled: undefined as unknown }
  const stream = new ReadableStream(
    {
      start(given) {
        controller = given
      },
      pull() {
        seen.pulls++
      },
      cancel(reason) {
        seen.cancelled = reason
      },
    },
    strategy,
  )
  return { stream, controller, seen }
}
