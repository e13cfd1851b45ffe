import { createWSGIApp } from '../support/apps/wsgi.ts'
import { inProcess } from '../support/subject.ts'
import { h2Suite } from './h2.ts'

h2Suite(inProcess('wsgi', createWSGIApp))
