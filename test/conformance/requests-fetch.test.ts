import { createFetchApp } from '../support/apps/fetch.ts'
import { requestSuite } from './requests.ts'

requestSuite('fetch', createFetchApp)
