import { createWSGIApp } from '../support/apps/wsgi.ts'
import { inProcess } from '../support/subject.ts'
import { routeSuite } from './routes.ts'

routeSuite(inProcess('wsgi', createWSGIApp))
