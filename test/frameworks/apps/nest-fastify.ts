import statics from '@fastify/static'
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify'
import { AnyFilesInterceptor } from '@nestjs/platform-fastify/multipart/index.js'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { FOLDER, LIMIT, PUBLIC } from '../support/app-parts.ts'
import type { MadeApp, Note } from '../support/sides.ts'
import { createNestApp } from './nest.ts'

/** Nest on Fastify. */
export function createApp(note: Note): Promise<MadeApp> {
  return createNestApp(
    {
      adapter: new FastifyAdapter(),
      files: AnyFilesInterceptor({ limits: { fileSize: LIMIT } }),
      wildcard: ['*', '*'],
      raw: (req, res) => ({ req: (req as FastifyRequest).raw, res: (res as FastifyReply).raw }),
      async prepare(app) {
        app.enableCors()
        const fastify = app as NestFastifyApplication
        await fastify.register(statics, { root: PUBLIC, prefix: '/static/' })
        const large = { root: FOLDER, prefix: '/large/', decorateReply: false }
        await fastify.register(statics, large)
      },
    },
    note,
  )
}
