/**
 * Small listeners, each run on `node:http` and on the node interface: what the client gets and what
 * the listener sees (`log`) must be the same.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { finished, pipeline, Readable } from 'node:stream'

export type Log = (entry: unknown) => void

export interface Case {
  name: string
  method?: string
  target?: string
  headers?: [string, string][]
  body?: string[]
  /** The client sends no end of its body. */
  open?: boolean
  /** The client leaves when the listener logs `leave`. */
  leaves?: boolean
  listener(req: IncomingMessage, res: ServerResponse, log: Log): unknown
}

const post = { method: 'POST', headers: [['content-type', 'text/plain']] as [string, string][] }

/** Logs the code of what `action` throws. */
function attempt(log: Log, action: () => unknown): void {
  try {
    action()
    log('no error')
  } catch (error) {
    const { code, name } = error as NodeJS.ErrnoException
    log(`${name} ${code}`)
  }
}

function logEvents(req: IncomingMessage, res: ServerResponse, log: Log): void {
  for (const event of ['aborted', 'end', 'close']) req.on(event, () => log(`req ${event}`))
  for (const event of ['finish', 'close', 'drain', 'pipe', 'unpipe'])
    res.on(event, () => log(`res ${event}`))
}

const state = (res: ServerResponse) => ({
  headersSent: res.headersSent,
  finished: res.finished,
  writableEnded: res.writableEnded,
  destroyed: res.destroyed,
  statusCode: res.statusCode,
})

export const cases: Case[] = [
  {
    name: 'hello',
    listener(_req, res) {
      res.setHeader('Content-Type', 'text/plain')
      res.end('Hello')
    },
  },
  {
    name: 'end without anything',
    listener(_req, res, log) {
      log(state(res))
      res.end()
      log(state(res))
    },
  },
  {
    name: 'events of a GET in order',
    listener(req, res, log) {
      logEvents(req, res, log)
      res.end('x')
    },
  },
  {
    name: 'the callback of end',
    listener(_req, res, log) {
      res.end('x', () => log([res.writableFinished, res.closed]))
      log('ended')
    },
  },
  {
    name: 'listeners added after end',
    listener(req, res, log) {
      res.end('x')
      logEvents(req, res, log)
    },
  },
  {
    name: 'the request as it is seen',
    target: '/a%20b?c=d&c=e',
    headers: [
      ['X-One', '1'],
      ['x-one', '2'],
      ['Cookie', 'a=1'],
      ['Cookie', 'b=2'],
      ['User-Agent', 'first'],
      ['User-Agent', 'second'],
      ['Set-Cookie', 'c=3'],
      ['Set-Cookie', 'd=4'],
      ['If-None-Match', '"x"'],
      ['If-None-Match', '"y"'],
      ['constructor', 'c'],
      ['X-Latin', '\u00e9'],
    ],
    listener(req, res, log) {
      const { host: _host, connection: _connection, ...headers } = req.headers
      const { host: _, connection: __, ...distinct } = req.headersDistinct
      log({ method: req.method, url: req.url, headers, distinct })
      const raw = req.rawHeaders.map((text, at) => (at % 2 === 0 ? text.toLowerCase() : text))
      log(raw.slice(raw.indexOf('x-one')))
      log([req.httpVersion, req.httpVersionMajor, req.httpVersionMinor, req.aborted])
      log([req.socket === req.connection, req.socket === res.socket, res.req === req])
      log([typeof req.socket.remotePort, req.socket.remoteAddress, req.socket.remoteFamily])
      log([req.socket.destroyed, (req.socket as { encrypted?: boolean }).encrypted])
      log([req.trailers, req.rawTrailers, req.readable, req.readableFlowing, req.destroyed])
      res.end()
    },
  },
  {
    name: 'url and headers can be replaced',
    listener(req, res, log) {
      req.url = '/other'
      req.method = 'PUT'
      req.headers = { a: 'b' }
      log([req.url, req.method, req.headers])
      res.end()
    },
  },
  {
    name: 'body by data and end',
    ...post,
    body: ['one', 'two'],
    listener(req, res, log) {
      logEvents(req, res, log)
      const chunks: Buffer[] = []
      req.on('data', (chunk) => {
        if (!Buffer.isBuffer(chunk)) log('not a Buffer')
        chunks.push(chunk)
      })
      req.on('end', () => {
        log([req.complete, req.readableEnded])
        res.end(Buffer.concat(chunks))
      })
    },
  },
  {
    name: 'body by iteration',
    ...post,
    body: ['one', 'two', 'three'],
    async listener(req, res, log) {
      let text = ''
      for await (const chunk of req) text += chunk
      log([req.complete, req.readableEnded, req.destroyed])
      res.end(text)
    },
  },
  {
    name: 'body with setEncoding, pause and resume',
    ...post,
    body: ['\u00e9t\u00e9', '!'],
    listener(req, res, log) {
      req.setEncoding('utf8')
      req.pause()
      let text = ''
      req.on('data', (chunk: string) => {
        if (typeof chunk !== 'string') log('not a string')
        text += chunk
      })
      req.on('end', () => res.end(text))
      setTimeout(() => req.resume(), 5)
    },
  },
  {
    name: 'body by readable and read',
    ...post,
    body: ['abc', 'def'],
    listener(req, res) {
      let text = ''
      req.on('readable', () => {
        for (let chunk = req.read(); chunk !== null; chunk = req.read()) text += chunk
      })
      req.on('end', () => res.end(text))
    },
  },
  {
    name: 'echo by pipe',
    ...post,
    body: ['abc', 'def'],
    listener(req, res, log) {
      logEvents(req, res, log)
      res.setHeader('content-length', '6')
      req.pipe(res)
    },
  },
  {
    name: 'pipeline into the response',
    listener(_req, res, log) {
      pipeline(Readable.from(['a', 'b', 'c']), res, (error) => log(['pipeline', error ?? null]))
    },
  },
  {
    name: 'finished of response and request',
    ...post,
    body: ['abc'],
    listener(req, res, log) {
      finished(res, (error) => log(['response', error ?? null]))
      finished(req, (error) => log(['request', error ?? null]))
      req.resume()
      req.on('end', () => res.end('done'))
    },
  },
  {
    name: 'a body that nobody reads',
    ...post,
    body: ['abc'],
    listener(req, res, log) {
      logEvents(req, res, log)
      // By then it has come: a server that closes before that resets the connection. The event loop
      // has looked at its sockets once more, however late it is.
      setTimeout(() => setImmediate(() => res.end('ignored')), 30)
    },
  },
  {
    name: 'a body whose end comes after the answer',
    ...post,
    body: ['abc', 'def'],
    listener(req, res, log) {
      let text = ''
      req.on('data', (chunk) => {
        text += chunk
        if (text === 'abcdef') res.end('accepted')
      })
      req.on('end', () => log(['late', text, req.complete]))
    },
  },
  {
    name: 'header methods',
    listener(_req, res, log) {
      res.setHeader('X-A', 1).setHeader('x-b', ['1', '2'])
      res.appendHeader('X-B', '3').appendHeader('X-C', '4')
      res.setHeaders(new Map([['X-D', '5']]))
      res.setHeaders(
        new Headers([
          ['set-cookie', 'a=1'],
          ['set-cookie', 'b=2'],
        ]),
      )
      log([res.getHeader('x-a'), res.getHeader('X-B'), res.getHeader('none')])
      log([res.getHeaderNames(), res.hasHeader('x-c'), res.hasHeader('none')])
      log(res.getHeaders())
      log((res as unknown as { getRawHeaderNames(): string[] }).getRawHeaderNames())
      res.removeHeader('X-C')
      res.removeHeader('none')
      log(res.getHeaderNames())
      res.end()
    },
  },
  {
    name: 'writeHead with an object',
    listener(_req, res, log) {
      res.writeHead(201, { 'X-A': 'b', 'Set-Cookie': ['a=1', 'b=2'] })
      log([res.headersSent, res.getHeader('x-a'), res.statusMessage])
      res.end('made')
    },
  },
  {
    name: 'writeHead with a reason and a list',
    listener(_req, res, log) {
      res.writeHead(404, 'Nope', ['X-A', '1', 'X-A', '2'])
      log([res.statusCode, res.statusMessage])
      res.end('gone')
    },
  },
  {
    name: 'writeHead over fields that were set',
    listener(_req, res, log) {
      res.setHeader('X-A', '1')
      res.setHeader('X-B', '1')
      res.writeHead(200, { 'x-a': '2', 'X-C': '3' })
      log(res.getHeaders())
      res.end()
    },
  },
  {
    name: 'errors of the head',
    listener(_req, res, log) {
      const loose = res as unknown as { setHeader(name: unknown, value: unknown): void }
      attempt(log, () => loose.setHeader('bad name', 'x'))
      attempt(log, () => loose.setHeader('', 'x'))
      attempt(log, () => loose.setHeader(undefined, 'x'))
      attempt(log, () => loose.setHeader('x', undefined))
      attempt(log, () => loose.setHeader('x', 'a\r\nb: c'))
      attempt(log, () => loose.setHeader('x', '\u20ac'))
      attempt(log, () => loose.setHeader('x', ['a', 'b\n']))
      attempt(log, () => res.getHeader(undefined as unknown as string))
      attempt(log, () => res.setHeaders([] as unknown as Headers))
      attempt(log, () => res.writeHead(99))
      attempt(log, () => res.writeHead(1000))
      attempt(log, () => res.writeHead(200, 'a\nb'))
      res.statusMessage = 'OK'
      res.end('x')
      attempt(log, () => res.setHeader('a', 'b'))
      attempt(log, () => res.appendHeader('a', 'b'))
      attempt(log, () => res.removeHeader('a'))
      attempt(log, () => res.writeHead(200))
      attempt(log, () => res.flushHeaders())
    },
  },
  {
    name: 'errors of the body',
    listener(_req, res, log) {
      const loose = res as unknown as { write(chunk?: unknown): void; end(chunk: unknown): void }
      attempt(log, () => loose.write(null))
      attempt(log, () => loose.write(undefined))
      attempt(log, () => loose.write(1))
      attempt(log, () => loose.end({}))
      res.end('x')
    },
  },
  {
    name: 'write after end is an error event',
    listener(_req, res, log) {
      res.on('error', (error: NodeJS.ErrnoException) => log(['error', error.code]))
      res.end('x')
      log(res.write('late', (error) => log(['callback', (error as NodeJS.ErrnoException).code])))
      res.end('later')
    },
  },
  {
    name: 'end twice',
    listener(_req, res, log) {
      res.on('error', (error) => log(error))
      res.end('x')
      res.end()
      res.end(() => log('second callback'))
      res.on('close', () =>
        res.end((error?: Error | null) => log((error as NodeJS.ErrnoException).code)),
      )
    },
  },
  {
    name: 'streamed writes',
    listener(_req, res, log) {
      res.write('a', () => log('written'))
      log(state(res))
      res.write(Buffer.from('b'))
      res.write('')
      res.write('Yw==', 'base64')
      res.write('\u00e9', 'latin1')
      setTimeout(() => res.end('\u00e9'), 5)
    },
  },
  {
    name: 'cork and uncork',
    listener(_req, res, log) {
      res.on('finish', () => log('finish'))
      res.cork()
      res.write('a')
      res.write('b')
      res.uncork()
      res.write('c')
      res.end('d')
    },
  },
  {
    name: 'flushHeaders first',
    listener(_req, res, log) {
      res.setHeader('x-a', 'b')
      res.flushHeaders()
      log(res.headersSent)
      setTimeout(() => res.end('late'), 5)
    },
  },
  {
    name: 'declared length, several writes',
    listener(_req, res) {
      res.setHeader('content-length', 4)
      res.write('ab')
      res.end('cd')
    },
  },
  {
    name: 'strictContentLength',
    listener(_req, res, log) {
      res.strictContentLength = true
      res.writeHead(200, { 'content-length': 2 })
      attempt(log, () => res.write('abc'))
      res.write('a')
      attempt(log, () => res.end('bc'))
      res.end('b')
    },
  },
  {
    name: 'trailers',
    listener(_req, res, log) {
      res.writeHead(200, { Trailer: 'x-sum' })
      res.write('abc')
      attempt(log, () => res.addTrailers({ 'bad name': 'x' }))
      attempt(log, () => res.addTrailers({ x: 'a\nb' }))
      res.addTrailers({ 'X-Sum': '3' })
      res.end()
    },
  },
  {
    name: 'HEAD drops the body',
    method: 'HEAD',
    listener(_req, res, log) {
      res.setHeader('content-length', 5)
      log(res.write('Hello', () => log('written')))
      res.end()
    },
  },
  {
    name: '204 drops the body',
    listener(_req, res, log) {
      res.statusCode = 204
      log(res.write('Hello'))
      res.end('more')
    },
  },
  {
    name: '304 drops the body',
    listener(_req, res) {
      res.writeHead(304, { etag: '"x"' })
      res.end('more')
    },
  },
  {
    name: 'writeHead, write and end replaced on the instance',
    listener(_req, res, log) {
      const { writeHead, end } = res
      res.writeHead = ((...args: [number]) => {
        log(['writeHead', args])
        res.setHeader('x-late', 'yes')
        return writeHead.apply(res, args)
      }) as typeof res.writeHead
      res.end = ((...args: [string]) => {
        log(['end', args])
        return end.call(res, args[0], 'utf8')
      }) as typeof res.end
      res.end('x')
    },
  },
  {
    name: 'the client leaves before the answer',
    leaves: true,
    listener(req, res, log) {
      logEvents(req, res, log)
      res.on('close', () => {
        log([res.destroyed, res.finished, res.closed, res.writableFinished])
        log([req.aborted, req.complete, res.write('too late')])
      })
      log('leave')
    },
  },
  {
    name: 'the client leaves in the middle of its body',
    ...post,
    body: ['abc'],
    open: true,
    leaves: true,
    listener(req, res, log) {
      logEvents(req, res, log)
      req.on('error', (error: NodeJS.ErrnoException) => log([error.code, error.message]))
      req.once('data', (chunk) => {
        log(String(chunk))
        log('leave')
      })
    },
  },
  {
    name: 'the client leaves in the middle of the response',
    leaves: true,
    listener(req, res, log) {
      finished(res, (error) => log(['finished', error?.code]))
      logEvents(req, res, log)
      res.write('abc')
      log('leave')
    },
  },
]
