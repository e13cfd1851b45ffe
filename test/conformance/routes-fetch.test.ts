import { Response } from 'monodon'
import { createFetchApp } from '../support/apps/fetch.ts'
import { inProcess } from '../support/subject.ts'
import { routeSuite } from './routes.ts'

routeSuite(
  inProcess('fetch', (watcher) => createFetchApp(watcher), "fetch (the platform's Response)"),
)
routeSuite(
  inProcess(
    'fetch',
    (watcher) => createFetchApp(watcher, Response as typeof globalThis.Response),
    "fetch (monodon's Response)",
  ),
)
