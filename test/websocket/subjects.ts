/** Where the app of WebSockets runs: the suites are the same for all. */

import type { Observer } from '../support/apps/probe.ts'
import { Watcher } from '../support/apps/probe.ts'
import { createSocketApp } from '../support/apps/sockets.ts'
import { FileWatcher } from '../support/file-watcher.ts'
import { type ServeOptions, startServer, type TestServer } from '../support/server.ts'
import { startElsewhere } from '../support/subject.ts'

export const APP = 'test/support/apps/sockets.ts:app'

/** What a suite runs against. */
export interface SocketSubject {
  readonly title: string
  readonly watcher: Observer
  start(options?: ServeOptions): Promise<TestServer>
}

function onThisThread(): SocketSubject {
  const watcher = new Watcher()
  return {
    title: 'on this thread',
    watcher,
    start: (options) => startServer(createSocketApp(watcher), { interface: 'fetch', ...options }),
  }
}

function elsewhere(title: string, own: ServeOptions): SocketSubject {
  const watcher = new FileWatcher()
  return {
    title,
    watcher,
    start: (options) => startElsewhere(APP, watcher, { interface: 'fetch', ...own, ...options }),
  }
}

/** The app as a value, in two threads, and in a process. Each is started once. */
export const subjects = (): SocketSubject[] => [
  onThisThread(),
  elsewhere('in threads', { workers: 2 }),
  elsewhere('in a process', { workerClass: 'process' }),
]
