import { block, CHUNK, CHUNKS, feed, HELLO, LARGE, readSlowly } from './payload.mjs'

const text = (length) => [
  ['content-type', 'text/plain'],
  ['content-length', String(length)],
]

function* stream() {
  for (let count = 0; count < CHUNKS; count++) yield CHUNK
}

async function echo(environ, startResponse) {
  const body = await environ['wsgi.input'].read()
  startResponse('200 OK', text(body.length))
  return [body]
}

/** The body in pieces of 64 KB at most: iterating over wsgi.input would give lines. */
async function* pieces(input) {
  for (;;) {
    const piece = await input.read(64 * 1024)
    if (piece.length === 0) return
    yield piece
  }
}

async function sink(environ, startResponse) {
  const length = String(await readSlowly(pieces(environ['wsgi.input'])))
  startResponse('200 OK', text(length.length))
  return [length]
}

const helloHeaders = text(HELLO.length)
const streamHeaders = [['content-type', 'text/plain']]
const largeHeaders = text(LARGE.length)

export function app(environ, startResponse) {
  switch (environ.PATH_INFO) {
    case '/':
      startResponse('200 OK', helloHeaders)
      return [HELLO]
    case '/json': {
      const body = JSON.stringify({ message: HELLO })
      startResponse('200 OK', [
        ['content-type', 'application/json'],
        ['content-length', String(body.length)],
      ])
      return [body]
    }
    case '/echo':
      return echo(environ, startResponse)
    case '/stream':
      startResponse('200 OK', streamHeaders)
      return stream()
    case '/1mb':
      startResponse('200 OK', largeHeaders)
      return [LARGE]
    case '/feed':
      startResponse('200 OK', streamHeaders)
      return feed()
    case '/sink':
      return sink(environ, startResponse)
    case '/block':
      block()
      startResponse('200 OK', helloHeaders)
      return [HELLO]
    default:
      startResponse('404 Not Found', text(0))
      return []
  }
}
