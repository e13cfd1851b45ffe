import { createNodeApp } from '../support/apps/node.ts'
import { inProcess } from '../support/subject.ts'
import { eventSuite } from './events.ts'

eventSuite(() => inProcess('node', createNodeApp), ['write'])
