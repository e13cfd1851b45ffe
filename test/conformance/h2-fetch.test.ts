import { createFetchApp } from '../support/apps/fetch.ts'
import { inProcess } from '../support/subject.ts'
import { h2Suite } from './h2.ts'

h2Suite(inProcess('fetch', createFetchApp))
