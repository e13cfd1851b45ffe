import { createWSGIApp } from '../support/apps/wsgi.ts'
import { requestSuite } from './requests.ts'

requestSuite('wsgi', createWSGIApp)
