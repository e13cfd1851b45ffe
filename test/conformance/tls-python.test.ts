/** The same requests, over TLS. */
import { overTls } from '../support/over-tls.ts'
import { describePython } from '../support/python.ts'
import { inPython } from '../support/subject.ts'
import { h2Suite } from './h2.ts'
import { requestSuite } from './requests.ts'

describePython('HTTP/1.1', () => requestSuite(overTls(inPython(1)), 4))
describePython('HTTP/2', () => h2Suite(overTls(inPython(1))))
