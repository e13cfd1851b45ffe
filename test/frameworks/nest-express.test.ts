import { createApp } from './apps/nest-express.ts'
import { COMMON } from './cases/common.ts'
import { NEST } from './cases/nest.ts'
import { type Cases, differentialSuite, differing } from './support/differential.ts'

/** Where the cors and compression of Express make a difference. */
const own: Cases = {
  'routing and params': {
    OPTIONS: differing(['no length in a 204'], COMMON['routing and params'].OPTIONS),
  },
  errors: {
    'a status alone': differing(['a length instead of chunks'], COMMON.errors['a status alone']),
  },
}

differentialSuite('NestJS on Express', createApp, ...NEST, own)
