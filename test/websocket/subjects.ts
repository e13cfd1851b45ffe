/** Where the app of WebSockets runs: the suites are the same for all. */

import type { Observer } from '../support/apps/probe.ts'
import { Watcher } from '../support/apps/probe.ts'
import { createSocketApp } from '../support/apps/sockets.ts'
import { FileWatcher } from '../support/file-watcher.ts'
import { type ServeOptions, startServer, type TestServer } from '../support/server.ts'
import { startElsewhere } from '../support/subject.ts'
import { type Carrier, type OfferFields, SocketClient } from '../support/websocket-client.ts'

export const APP = 'test/support/apps/sockets.ts:app'

/** What a suite runs against. */
export interface SocketSubject {
  readonly title: string
  readonly watcher: Observer
  start(options?: ServeOptions): Promise<TestServer>
  open(server: TestServer, target: string, fields?: OfferFields): Promise<SocketClient>
}

function onThisThread(): SocketSubject {
  const watcher = new Watcher()
  return {
    title: 'on this thread',
    watcher,
    start: (options) => startServer(createSocketApp(watcher), { interface: 'fetch', ...options }),
    open: (server, target, fields) => SocketClient.open(server, target, fields),
  }
}

function elsewhere(title: string, own: ServeOptions, carrier?: Carrier): SocketSubject {
  const watcher = new FileWatcher()
  return {
    title,
    watcher,
    start: (options) => startElsewhere(APP, watcher, { interface: 'fetch', ...own, ...options }),
    open: (server, target, fields) => SocketClient.open(server, target, fields, carrier),
  }
}

/** The app as a value, in two threads, and in processes. Each is started once. */
export const subjects = (): SocketSubject[] => [
  onThisThread(),
  elsewhere('in threads', { workers: 2 }),
  elsewhere('in a process', { workerClass: 'process' }),
  elsewhere('in a process over HTTP/2', { workerClass: 'process' }, 'HTTP/2'),
]
