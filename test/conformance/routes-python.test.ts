import { describePython } from '../support/python.ts'
import { inPython } from '../support/subject.ts'
import { routeSuite } from './routes.ts'

describePython('one thread', () => routeSuite(inPython(1)))
describePython('8 threads', () => routeSuite(inPython(8)))
