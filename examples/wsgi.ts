/** PEP 3333 in TypeScript: `monodon examples/wsgi.ts`. */
import type { Environ, StartResponse } from 'monodon'

export function app(environ: Environ, startResponse: StartResponse): string[] {
  startResponse('200 OK', [['Content-Type', 'text/plain; charset=utf-8']])
  return [`Hello, ${environ.PATH_INFO}!\n`]
}
