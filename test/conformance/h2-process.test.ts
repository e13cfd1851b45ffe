/** Apps in JavaScript with `--worker-class process`. */
import { describe } from 'vitest'
import { inProcessOfItsOwn } from '../support/subject.ts'
import { h2Suite } from './h2.ts'

describe.each(['wsgi', 'fetch', 'node'] as const)('a %s app in a process', (kind) => {
  h2Suite(inProcessOfItsOwn(kind))
})
