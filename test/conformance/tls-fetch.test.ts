/** The same requests, over TLS. */
import { describe } from 'vitest'
import { createFetchApp } from '../support/apps/fetch.ts'
import { overTls } from '../support/over-tls.ts'
import { inProcess } from '../support/subject.ts'
import { h2Suite } from './h2.ts'
import { requestSuite } from './requests.ts'

const subject = inProcess('fetch', createFetchApp)
describe('HTTP/1.1', () => requestSuite(overTls(subject), 8))
describe('HTTP/2', () => h2Suite(overTls(subject)))
