import { createReadStream } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import {
  type ArgumentsHost,
  BadRequestException,
  Body,
  type CallHandler,
  type CanActivate,
  Catch,
  Controller,
  Delete,
  type ExceptionFilter,
  type ExecutionContext,
  Get,
  Head,
  Header,
  HttpCode,
  HttpException,
  type INestApplication,
  Inject,
  Injectable,
  type MiddlewareConsumer,
  Module,
  type NestInterceptor,
  type NestModule,
  Param,
  ParseIntPipe,
  type PipeTransform,
  Post,
  Put,
  Query,
  Redirect,
  Req,
  Res,
  Sse,
  StreamableFile,
  type Type,
  UploadedFiles,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common'
import { type AbstractHttpAdapter, NestFactory } from '@nestjs/core'
import { concat, map, NEVER, of } from 'rxjs'
import { FOLDER, noteEvents, PIECES, seenBy, textOf } from '../support/app-parts.ts'
import { decorated, type Handlers } from '../support/decorate.ts'
import type { MadeApp, Note } from '../support/sides.ts'

/** What differs from one platform of Nest to the other. */
export interface Platform {
  readonly adapter: AbstractHttpAdapter
  /** Reads multipart bodies. */
  readonly files: Type<NestInterceptor>
  /** A wildcard in a path, and the name of its param. */
  readonly wildcard: readonly [path: string, param: string]
  /** Node's own objects behind those of the platform. */
  raw(req: unknown, res: unknown): { req: IncomingMessage; res: ServerResponse }
  /** Static files and what else is no part of Nest. */
  prepare(app: INestApplication): Promise<void>
}

/** Nest as its guide shows it, without a compiler: what `@Get()` does is done by hand. */
export async function createNestApp(platform: Platform, note: Note): Promise<MadeApp> {
  const app = await NestFactory.create(moduleFor(platform, note), platform.adapter, {
    logger: false,
  })
  await platform.prepare(app)
  await app.init()
  return { app: app.getHttpAdapter().getInstance(), close: () => app.close() }
}

function moduleFor(platform: Platform, note: Note): Type {
  class AppModule implements NestModule {
    configure(consumer: MiddlewareConsumer): void {
      consumer
        .apply((_req: unknown, res: ServerResponse, next: () => void) => {
          res.setHeader('X-Middleware', 'applied')
          next()
        })
        .forRoutes('users')
    }
  }
  Module({
    controllers: [
      pages(platform),
      users(platform),
      bodies(platform),
      streams(platform, note),
      errors(),
      guarded(),
    ],
    providers: [Users],
  })(AppModule)
  return AppModule
}

class Users {
  find(id: string): object {
    return { id, name: `user ${id}` }
  }
}
Injectable()(Users)

function users({ wildcard }: Platform): Type {
  class UsersController {
    readonly users: Users
    constructor(users: Users) {
      this.users = users
    }
  }
  Inject(Users)(UsersController, undefined, 0)
  return decorated(UsersController, Controller(), {
    find: {
      on: [Get('users/:id'), Header('X-A', 'b')],
      parameters: [Param('id'), Query()],
      run(this: UsersController, id: string, query: object) {
        return { ...this.users.find(id), query }
      },
    },
    replace: { on: [Put('users/:id')], parameters: [Body()], run: (body: unknown) => ({ body }) },
    remove: { on: [Delete('users/:id'), HttpCode(204)], run: () => undefined },
    files: {
      on: [Get(`files/${wildcard[0]}`)],
      parameters: [Param(wildcard[1])],
      run: (path: string | string[]) => [path].flat().join('/'),
    },
  })
}

function pages({ raw }: Platform): Type {
  return decorated(class Pages {}, Controller(), {
    page: {
      on: [Get('page'), Header('Content-Type', 'text/html')],
      run: () => '<p>A page made on demand.</p>',
    },
    head: { on: [Head('only-head'), Header('X-A', 'b')], run: () => undefined },
    number: { on: [Get('number')], run: () => 7 },
    later: { on: [Get('later')], run: async () => ({ later: true }) },
    observed: { on: [Get('observed')], run: () => of({ observed: true }) },
    found: { on: [Get('redirect/found'), Redirect('/page')], run: () => undefined },
    moved: {
      on: [Get('redirect/moved'), Redirect('http://other.test/', 301)],
      run: () => undefined,
    },
    escaped: { on: [Get('redirect/escaped'), Redirect('/a%20b?c=%C3%A9')], run: () => undefined },
    back: {
      on: [Get('redirect/back'), Redirect('/')],
      parameters: [Req()],
      run: (req: IncomingMessage) => ({ url: req.headers.referer, statusCode: 303 }),
    },
    hints: {
      on: [Get('hints')],
      parameters: [Req(), Res({ passthrough: true })],
      run: (req: unknown, res: unknown) => {
        raw(req, res).res.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' })
        return 'hinted'
      },
    },
    seen: {
      on: [Get('seen')],
      parameters: [Req(), Res({ passthrough: true })],
      run: (req: unknown, res: unknown) => seenBy(raw(req, res).req, raw(req, res).res),
    },
    seenPost: {
      on: [Post('seen')],
      parameters: [Req(), Res({ passthrough: true })],
      run: (req: unknown, res: unknown) => seenBy(raw(req, res).req, raw(req, res).res),
    },
    timeout: {
      on: [Get('timeout')],
      parameters: [Req(), Res({ passthrough: true })],
      run: (req: unknown, res: unknown) =>
        new Promise((_, reject) => {
          raw(req, res).res.setTimeout(20, () => reject(new HttpException('too late', 503)))
        }),
    },
  })
}

function bodies({ files }: Platform): Type {
  const echo: Handlers[string] = {
    on: [],
    parameters: [Body()],
    run: (body: unknown) => ({ body: body ?? null }),
  }
  return decorated(class Bodies {}, Controller(), {
    json: { ...echo, on: [Post('json')] },
    form: { ...echo, on: [Post('form'), HttpCode(200)] },
    upload: {
      on: [Post('upload'), UseInterceptors(files)],
      parameters: [Body(), UploadedFiles()],
      run: (
        body: object,
        uploaded: { originalname: string; mimetype: string; buffer: Buffer }[],
      ) => ({
        body,
        files: uploaded.map(({ originalname, mimetype, buffer }) => ({
          originalname,
          mimetype,
          text: textOf(buffer),
        })),
      }),
    },
  })
}

function streams({ raw }: Platform, note: Note): Type {
  const parameters = [Req(), Res()]
  return decorated(class Streams {}, Controller(), {
    stream: {
      on: [Get('stream')],
      run: () => new StreamableFile(Readable.from(PIECES.map((piece) => Buffer.from(piece)))),
    },
    pipeline: {
      on: [Get('pipeline')],
      parameters: [Req(), Res({ passthrough: true })],
      run: (req: unknown, res: unknown) => {
        raw(req, res).res.once('close', () => note('pipeline: done'))
        return new StreamableFile(createReadStream(`${FOLDER}/package-lock.json`), {
          type: 'application/json',
          disposition: 'attachment; filename="lock.json"',
        })
      },
    },
    much: {
      on: [Get('much')],
      run: () => {
        const pieces = Array.from({ length: 20 }, (_, at) => String(at % 10).repeat(50_000))
        return new StreamableFile(Readable.from(pieces, { objectMode: false }))
      },
    },
    events: {
      on: [Sse('sse')],
      run: () => concat(of({ data: 'first' }, { id: '7', type: 'named', data: { a: 1 } }), NEVER),
    },
    rawEvents: {
      on: [Get('events')],
      parameters,
      run: (req: unknown, res: unknown) => {
        const own = raw(req, res)
        noteEvents(note, 'events', own)
        own.res.writeHead(200, { 'Content-Type': 'text/event-stream' })
        own.res.write('data: first\n\n')
      },
    },
    wait: {
      on: [Get('wait')],
      parameters,
      run: (req: unknown, res: unknown) => {
        noteEvents(note, 'wait', raw(req, res))
        note('wait: called')
      },
    },
  })
}

function errors(): Type {
  class Told extends Error {}
  class ToldFilter implements ExceptionFilter {
    catch(error: Told, host: ArgumentsHost): void {
      const res = host.switchToHttp().getResponse()
      res.header('X-Filter', 'told').status(409).send({ told: error.message })
    }
  }
  Catch(Told)(ToldFilter)
  const failing = (error: unknown) => () => {
    throw error
  }
  return decorated(class Errors {}, Controller('errors'), {
    thrown: { on: [Get('thrown')], run: failing(new Error('thrown')) },
    rejected: { on: [Get('rejected')], run: async () => failing(new Error('rejected'))() },
    teapot: { on: [Get('teapot')], run: failing(new HttpException({ kind: 'oolong' }, 418)) },
    string: { on: [Get('string')], run: failing('a string') },
    status: { on: [Get('status'), HttpCode(503)], run: () => undefined },
    bad: {
      on: [Get('bad')],
      run: failing(new BadRequestException('why', { description: 'No' })),
    },
    filtered: {
      on: [Get('filtered'), UseFilters(new ToldFilter())],
      run: failing(new Told('told')),
    },
  })
}

function guarded(): Type {
  const guard: CanActivate = {
    canActivate: (context: ExecutionContext) =>
      context.switchToHttp().getRequest().headers['x-key'] === 'open',
  }
  const interceptor: NestInterceptor = {
    intercept: (_context: ExecutionContext, next: CallHandler) =>
      next.handle().pipe(map((data) => ({ data, intercepted: true }))),
  }
  const required: PipeTransform = {
    transform(value: { name?: unknown } | undefined) {
      if (typeof value?.name !== 'string') throw new BadRequestException('name must be a string')
      return value
    },
  }
  return decorated(class Guarded {}, Controller('guarded'), {
    guard: { on: [Get('guard'), UseGuards(guard)], run: () => 'open' },
    intercepted: { on: [Get('intercepted'), UseInterceptors(interceptor)], run: () => [1, 2] },
    piped: {
      on: [Get('piped/:id')],
      parameters: [Param('id', ParseIntPipe)],
      run: (id: number) => ({ id, type: typeof id }),
    },
    checked: {
      on: [Post('checked'), UsePipes(required)],
      parameters: [Body()],
      run: (body: object) => body,
    },
  })
}
