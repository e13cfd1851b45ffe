/** Apps in JavaScript with `--worker-class process`. */
import { inProcessOfItsOwn } from '../support/subject.ts'
import { eventSuite } from './events.ts'

eventSuite(() => inProcessOfItsOwn('fetch'), ['stream', 'generator'])
eventSuite(() => inProcessOfItsOwn('node'), ['write'])
eventSuite(() => inProcessOfItsOwn('wsgi'), ['generator'])
