import { createNodeApp } from '../support/apps/node.ts'
import { inProcess } from '../support/subject.ts'
import { requestSuite } from './requests.ts'

requestSuite(inProcess('node', createNodeApp))
