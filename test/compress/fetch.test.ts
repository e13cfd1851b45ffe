import { Response } from 'monodon'
import { createFetchApp } from '../support/apps/fetch.ts'
import { inProcess } from '../support/subject.ts'
import { compressSuite } from './suite.ts'

compressSuite(
  inProcess('fetch', (watcher) => createFetchApp(watcher, Response as typeof globalThis.Response)),
)
