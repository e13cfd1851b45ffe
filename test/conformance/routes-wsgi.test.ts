import { createWSGIApp } from '../support/apps/wsgi.ts'
import { routeSuite } from './routes.ts'

routeSuite('wsgi', 'wsgi', createWSGIApp)
