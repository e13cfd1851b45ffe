import { createFetchApp } from '../support/apps/fetch.ts'
import { inProcess } from '../support/subject.ts'
import { requestSuite } from './requests.ts'

requestSuite(inProcess('fetch', createFetchApp))
