import { createNodeApp } from '../support/apps/node.ts'
import { h2Suite } from './h2.ts'

h2Suite('node', createNodeApp)
