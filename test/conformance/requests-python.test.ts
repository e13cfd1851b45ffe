import { describePython } from '../support/python.ts'
import { inPython } from '../support/subject.ts'
import { requestSuite } from './requests.ts'

// One request at a time: of 48 connections with half a body each, the worker waits for one.
describePython('one thread', () => requestSuite(inPython(1)))
// How the bytes are cut is nothing to threads; that 8 bodies come at a time is.
describePython('8 threads', () => requestSuite(inPython(8), 16))
