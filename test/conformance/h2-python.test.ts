import { describePython } from '../support/python.ts'
import { inPython } from '../support/subject.ts'
import { h2Suite } from './h2.ts'

describePython('one thread', () => h2Suite(inPython(1)))
describePython('8 threads', () => h2Suite(inPython(8)))
