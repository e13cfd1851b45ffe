import type { Handle, InterfaceContext } from './interface.ts'
import { isPromiseLike } from './wsgi/body.ts'
import { Call } from './wsgi/call.ts'
import { RequestEnviron } from './wsgi/environ.ts'
import type { WSGIApplication } from './wsgi/types.ts'

export type {
  Chunk,
  Environ,
  ErrorStream,
  FileLike,
  FileWrapper,
  InputStream,
  StartResponse,
  WSGIApplication,
  WSGIBody,
} from './wsgi/types.ts'
export { validate } from './wsgi/validate.ts'

/** The WSGI interface: calls `app` with `(environ, startResponse)` as PEP 3333 defines it. */
export function wsgi(app: WSGIApplication, context: InterfaceContext): Handle {
  return (exchange) => {
    const call = new Call(exchange, context)
    try {
      const body: unknown = app(new RequestEnviron(call, context), call.startResponse)
      if (isPromiseLike(body))
        body.then(
          (source) => call.send(source),
          (error) => call.fail(error),
        )
      else call.send(body)
    } catch (error) {
      call.fail(error)
    }
  }
}
