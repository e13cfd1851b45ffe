// biome-ignore-all lint/correctness/useHookAtTopLevel: useStaticAssets is Nest's, and no hook of React
import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  AnyFilesInterceptor,
  ExpressAdapter,
  type NestExpressApplication,
} from '@nestjs/platform-express'
import compression from 'compression'
import cookieParser from 'cookie-parser'
import helmet from 'helmet'
import { FOLDER, LIMIT, PUBLIC } from '../support/app-parts.ts'
import type { MadeApp, Note } from '../support/sides.ts'
import { createNestApp } from './nest.ts'

/** Nest on Express. */
export function createApp(note: Note): Promise<MadeApp> {
  return createNestApp(
    {
      adapter: new ExpressAdapter(),
      files: AnyFilesInterceptor({ limits: { fileSize: LIMIT } }),
      wildcard: ['*path', 'path'],
      raw: (req, res) => ({ req: req as IncomingMessage, res: res as ServerResponse }),
      async prepare(app) {
        app.use(helmet(), cookieParser(), compression({ threshold: 5000 }))
        app.enableCors()
        const express = app as NestExpressApplication
        express.useStaticAssets(PUBLIC, { prefix: '/static/' })
        express.useStaticAssets(FOLDER, { prefix: '/large/' })
      },
    },
    note,
  )
}
