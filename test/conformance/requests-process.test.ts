/** An app in JavaScript with `--worker-class process`: the framing is native code's, the bodies cross a socket. */
import { inProcessOfItsOwn } from '../support/subject.ts'
import { requestSuite } from './requests.ts'

requestSuite(inProcessOfItsOwn('node'), 16)
