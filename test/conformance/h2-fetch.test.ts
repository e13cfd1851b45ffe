import { createFetchApp } from '../support/apps/fetch.ts'
import { h2Suite } from './h2.ts'

h2Suite('fetch', createFetchApp)
