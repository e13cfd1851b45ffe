import { createApp } from './apps/nest-fastify.ts'
import { NEST } from './cases/nest.ts'
import { differentialSuite } from './support/differential.ts'

differentialSuite('NestJS on Fastify', createApp, ...NEST)
