import { serve } from 'monodon'
import type { Address } from './client.ts'
import { type Holdings, holdings, leaked } from './leaks.ts'
import { until } from './wait.ts'

/** Interfaces of apps in JavaScript. */
export type Interface = 'wsgi' | 'fetch' | 'node'
/** Every kind of app. */
export type AppKind = Interface | 'python'
export type ServeOptions = NonNullable<Parameters<typeof serve>[1]>
type Serving = Awaited<ReturnType<typeof serve>>

/** A server under test. */
export interface TestServer extends Address {
  readonly serving: Serving
  /** A native counter. */
  count(counter: string): number
  /** Closes it; fails if a request, lent buffer, descriptor, native thread or child process is left behind. */
  close(): Promise<void>
  /** After `serving.close()`: fails if a descriptor, native thread or child process is left behind. */
  released(): Promise<void>
}

/** What must be zero when every client has gone and every answer was given. */
const LEFT_BEHIND = ['connections', 'queued', 'claimed', 'lent'] as const

/** Serves `app` on a port that the kernel chooses. */
export async function startServer(app: unknown, options: ServeOptions = {}): Promise<TestServer> {
  await warmUp()
  const before = holdings()
  const serving = await serve(app as Parameters<typeof serve>[0], {
    bind: '127.0.0.1:0',
    logLevel: 'error',
    ...options,
  })
  const count = (counter: string): number => {
    const value = (serving.stats() as unknown as Record<string, number>)[counter]
    if (typeof value !== 'number') throw new Error(`the server counts no ${counter}`)
    return value
  }
  return {
    serving,
    host: serving.address.host,
    port: serving.address.port,
    path: serving.address.path,
    count,
    close: async () => {
      await settled(count)
      await serving.close()
      await released(before)
    },
    released: () => released(before),
  }
}

/** Waits until the server has forgotten every request; a connection may still be idle. */
async function settled(count: (counter: string) => number): Promise<void> {
  const left = () => LEFT_BEHIND.filter((counter) => count(counter) !== 0)
  await until('the server to forget every request', () => left().length === 0).catch(() => {
    const figures = left().map((counter) => `${counter} ${count(counter)}`)
    throw new Error(`left behind in the server: ${figures.join(', ')}`)
  })
}

/** Waits until the process holds no more than before. */
async function released(before: Holdings): Promise<void> {
  const left = () => leaked(before, holdings())
  await until('descriptors, threads and processes to go', () => left().length === 0).catch(() => {
    throw new Error(`left behind in the process: ${left().join(', ')}`)
  })
}

let warm: Promise<void> | undefined

/** What the process opens once and keeps is open before anything is counted. */
function warmUp(): Promise<void> {
  warm ??= (async () => {
    const server = await serve((() => new Response('')) as Parameters<typeof serve>[0], {
      bind: '127.0.0.1:0',
      interface: 'fetch',
    })
    await server.close()
  })()
  return warm
}
