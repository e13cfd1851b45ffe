import { createWSGIApp } from '../support/apps/wsgi.ts'
import { inProcess } from '../support/subject.ts'
import { eventSuite } from './events.ts'

eventSuite(() => inProcess('wsgi', createWSGIApp), ['generator'])
