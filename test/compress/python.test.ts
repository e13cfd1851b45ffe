import { describePython } from '../support/python.ts'
import { inPython } from '../support/subject.ts'
import { compressSuite } from './suite.ts'

describePython('8 threads', () => compressSuite(inPython(8)))
