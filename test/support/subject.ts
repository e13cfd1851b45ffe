/** What the conformance suites run against: one app of one kind, with somebody who watches it. */
import { expect } from 'vitest'
import { type Observer, Watcher } from './apps/probe.ts'
import { FileWatcher } from './file-watcher.ts'
import { CONFORMANCE_APP, requirePython } from './python.ts'
import {
  type AppKind,
  type Interface,
  type ServeOptions,
  startServer,
  type TestServer,
} from './server.ts'

export interface Subject {
  readonly kind: AppKind
  /** Tells two suites of one kind apart. */
  readonly title: string
  readonly watcher: Observer
  /** Requests that the app runs at a time. */
  readonly atOnce: number
  start(options?: ServeOptions): Promise<TestServer>
}

/** An app in JavaScript, called on this thread. */
export function inProcess(
  kind: Interface,
  createApp: (watcher: Watcher) => unknown,
  title: string = kind,
): Subject {
  const watcher = new Watcher()
  const start = (options?: ServeOptions) =>
    startServer(createApp(watcher), { interface: kind, ...options })
  return { kind, title, watcher, atOnce: Number.POSITIVE_INFINITY, start }
}

/** An app in JavaScript, in one worker process. */
export function inProcessOfItsOwn(kind: Interface): Subject {
  const watcher = new FileWatcher()
  return {
    kind,
    title: `${kind} (in a process)`,
    watcher,
    atOnce: Number.POSITIVE_INFINITY,
    start: (options) =>
      startElsewhere(`test/support/apps/${kind}.ts:app`, watcher, {
        interface: kind,
        workerClass: 'process',
        ...options,
      }),
  }
}

/** The conformance app in Python, in one worker process with so many threads. */
export function inPython(threads: number): Subject {
  const watcher = new FileWatcher()
  const title = `Python (${threads} at a time)`
  return {
    kind: 'python',
    title,
    watcher,
    atOnce: threads,
    start: (options) => startPython(CONFORMANCE_APP, watcher, { threads, ...options }),
  }
}

/** Serves a Python app that tells `watcher` what happens in it. */
export function startPython(
  app: string,
  watcher: FileWatcher,
  options: ServeOptions = {},
): Promise<TestServer> {
  const python = requirePython()
  return startElsewhere(app, watcher, { interface: 'python', python, ...options })
}

/** Serves an app in another process. Closing also heeds what the app's validator has found. */
export async function startElsewhere(
  app: string,
  watcher: FileWatcher,
  options: ServeOptions,
): Promise<TestServer> {
  // Worker processes inherit the environment of this one.
  Object.assign(process.env, watcher.env)
  const server = await startServer(app, options)
  const close = async (): Promise<void> => {
    await server.close()
    watcher.remove()
    expect(watcher.breaches).toEqual([])
  }
  return { ...server, close }
}
