/** What holds for apps of every interface. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, it } from 'vitest'
import type { InterfaceKind } from '../../lib/interface/detect.ts'
import { prepare } from '../../lib/worker/interfaces.ts'
import { FakeExchange } from '../support/fake-exchange.ts'
import { context } from '../support/node-context.ts'

const storage = new AsyncLocalStorage<string>()

/** Notes the store that a request finds, enters its own, and answers with what is there later. */
async function enter(target: string, seen: unknown[]): Promise<string> {
  seen.push(storage.getStore())
  storage.enterWith(target)
  await new Promise((resolve) => setImmediate(resolve))
  return storage.getStore() ?? 'nothing'
}

const APPS: Record<InterfaceKind, (seen: unknown[]) => unknown> = {
  fetch: (seen) => async (request: Request) =>
    new Response(await enter(new URL(request.url).pathname, seen)),
  wsgi: (seen) => async (environ: { PATH_INFO: string }, startResponse: CallableFunction) => {
    const text = await enter(environ.PATH_INFO, seen)
    startResponse('200 OK', [])
    return [text]
  },
  node:
    (seen) =>
    async (req: { url: string }, res: { end(text: string): void }): Promise<void> =>
      res.end(await enter(req.url, seen)),
}

describe.each(Object.keys(APPS) as InterfaceKind[])('an app of the %s interface', (kind) => {
  it('enters an async context that is not there for the requests behind', async () => {
    const seen: unknown[] = []
    const { handle } = prepare(APPS[kind](seen), kind, context())
    const exchanges = ['/a', '/b'].map(
      (target) => new FakeExchange({ target, headers: [['host', 'a.test']] }),
    )
    for (const exchange of exchanges) handle(exchange)
    for (const exchange of exchanges) await exchange.over
    expect(exchanges.map(({ text }) => text)).toEqual(['/a', '/b'])
    const later = new FakeExchange({ target: '/later', headers: [['host', 'a.test']] })
    handle(later)
    await later.over
    expect(seen).toEqual([undefined, undefined, undefined])
  })
})
