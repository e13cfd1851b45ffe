import { Response } from 'monodon'
import { createFetchApp } from '../support/apps/fetch.ts'
import { inProcess } from '../support/subject.ts'
import { eventSuite } from './events.ts'

// Not by a generator: the platform's stream of one fails when its client leaves (docs/fetch.md).
eventSuite(
  () => inProcess('fetch', (watcher) => createFetchApp(watcher), "fetch (the platform's Response)"),
  ['stream'],
)
eventSuite(
  () =>
    inProcess(
      'fetch',
      (watcher) => createFetchApp(watcher, Response as typeof globalThis.Response),
      "fetch (monodon's Response)",
    ),
  ['stream', 'generator'],
)
