import { createWSGIApp } from '../support/apps/wsgi.ts'
import { h2Suite } from './h2.ts'

h2Suite('wsgi', createWSGIApp)
