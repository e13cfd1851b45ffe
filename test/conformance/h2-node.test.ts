import { createNodeApp } from '../support/apps/node.ts'
import { inProcess } from '../support/subject.ts'
import { h2Suite } from './h2.ts'

h2Suite(inProcess('node', createNodeApp))
