import { Response } from 'monodon'
import { createFetchApp } from '../support/apps/fetch.ts'
import { routeSuite } from './routes.ts'

routeSuite('fetch', "fetch (the platform's Response)", (watcher) => createFetchApp(watcher))
routeSuite('fetch', "fetch (monodon's Response)", (watcher) =>
  createFetchApp(watcher, Response as typeof globalThis.Response),
)
