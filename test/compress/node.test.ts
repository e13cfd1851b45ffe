import { createNodeApp } from '../support/apps/node.ts'
import { inProcess } from '../support/subject.ts'
import { compressSuite } from './suite.ts'

compressSuite(inProcess('node', createNodeApp))
