import { createNodeApp } from '../support/apps/node.ts'
import { requestSuite } from './requests.ts'

requestSuite('node', createNodeApp)
