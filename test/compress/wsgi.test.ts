import { createWSGIApp } from '../support/apps/wsgi.ts'
import { inProcess } from '../support/subject.ts'
import { compressSuite } from './suite.ts'

compressSuite(inProcess('wsgi', createWSGIApp))
