import { createWSGIApp } from '../support/apps/wsgi.ts'
import { inProcess } from '../support/subject.ts'
import { requestSuite } from './requests.ts'

requestSuite(inProcess('wsgi', createWSGIApp))
