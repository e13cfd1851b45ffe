/** Apps in JavaScript with `--worker-class process`. */
import { inProcessOfItsOwn } from '../support/subject.ts'
import { routeSuite } from './routes.ts'

for (const kind of ['wsgi', 'fetch', 'node'] as const) routeSuite(inProcessOfItsOwn(kind))
