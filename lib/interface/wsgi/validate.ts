import { MonodonError } from '../../errors.ts'
import { closeMethod, isPromiseLike } from './body.ts'
import { FileBody } from './file-wrapper.ts'
import { shown } from './head.ts'
import type {
  Chunk,
  Environ,
  ErrorStream,
  InputStream,
  StartResponse,
  WriteCallable,
  WSGIApplication,
  WSGIBody,
} from './types.ts'

/**
 * Wraps an application so that both sides are held to WSGI: what the server passes in, and what the
 * app makes of it. For development; it costs some microseconds a request.
 *
 * @throws MonodonError `MONODON_APP_NOT_WSGI` from the wrapped application, or from the call that
 * breaks the rule; the message names the side and the rule
 */
export function validate(app: WSGIApplication): WSGIApplication {
  check(typeof app === 'function', 'app', `is not a function but ${shown(app)}`)
  return function validator(environ: Environ, startResponse: StartResponse, ...more: unknown[]) {
    check(more.length === 0, 'server', `called the app with ${2 + more.length} arguments`)
    checkEnviron(environ)
    check(typeof startResponse === 'function', 'server', 'passed no startResponse function')
    environ['wsgi.input'] = new CheckedInput(environ['wsgi.input'])
    environ['wsgi.errors'] = checkedErrors(environ['wsgi.errors'])
    const state: State = { isStarted: false }
    const body = app(environ, checkedStart(startResponse, state))
    if (isPromiseLike(body)) return Promise.resolve(body).then((found) => checkedBody(found, state))
    return checkedBody(body, state)
  }
}

interface State {
  isStarted: boolean
}

type Side = 'app' | 'server'

function check(condition: boolean, side: Side, breach: string): asserts condition {
  if (!condition)
    throw new MonodonError('MONODON_APP_NOT_WSGI', { detail: `the ${side} ${breach}` })
}

// -- the environ

const STRINGS = [
  'REQUEST_METHOD',
  'SCRIPT_NAME',
  'PATH_INFO',
  'QUERY_STRING',
  'SERVER_NAME',
  'SERVER_PORT',
  'SERVER_PROTOCOL',
  'wsgi.url_scheme',
]
const BOOLEANS = ['wsgi.multithread', 'wsgi.multiprocess', 'wsgi.run_once']
const READERS = ['read', 'readline', 'readlines', Symbol.asyncIterator]
const WRITERS = ['write', 'writelines', 'flush']

function checkEnviron(environ: Environ): void {
  check(typeof environ === 'object' && environ !== null, 'server', 'passed no environ object')
  for (const key of STRINGS)
    check(typeof environ[key] === 'string', 'server', `has no string at ${key} of the environ`)
  for (const key of BOOLEANS)
    check(typeof environ[key] === 'boolean', 'server', `has no boolean at ${key} of the environ`)
  for (const key of ['HTTP_CONTENT_TYPE', 'HTTP_CONTENT_LENGTH', 'HTTP_PROXY'])
    check(!(key in environ), 'server', `has ${key} in the environ`)
  for (const [key, value] of Object.entries(environ))
    if (key.startsWith('HTTP_'))
      check(typeof value === 'string', 'server', `has no string at ${key} of the environ`)
  const version: unknown = environ['wsgi.version']
  const isVersion = Array.isArray(version) && version[0] === 1 && version[1] === 0
  check(isVersion, 'server', 'has a wsgi.version that is not [1, 0]')
  check(/^https?$/.test(environ['wsgi.url_scheme']), 'server', 'has an unknown wsgi.url_scheme')
  checkMethods(environ['wsgi.input'], READERS, 'wsgi.input')
  checkMethods(environ['wsgi.errors'], WRITERS, 'wsgi.errors')
  checkRequest(environ)
}

function checkMethods(stream: object, names: readonly PropertyKey[], key: string): void {
  for (const name of names)
    check(
      typeof Reflect.get(stream, name) === 'function',
      'server',
      `has a ${key} without ${String(name)}`,
    )
}

function checkRequest(environ: Environ): void {
  const { REQUEST_METHOD: method, SCRIPT_NAME: script, PATH_INFO: path } = environ
  check(method !== '', 'server', 'has an empty REQUEST_METHOD')
  check(script === '' || script.startsWith('/'), 'server', 'has a SCRIPT_NAME without leading /')
  check(script !== '/', 'server', 'has a SCRIPT_NAME of /, which belongs to PATH_INFO')
  const isPath = path === '' || path.startsWith('/') || (method === 'OPTIONS' && path === '*')
  check(isPath, 'server', 'has a PATH_INFO without leading /')
  check(script !== '' || path !== '', 'server', 'has neither SCRIPT_NAME nor PATH_INFO')
  check(/^\d*$/.test(environ.CONTENT_LENGTH ?? ''), 'server', 'has a CONTENT_LENGTH of no digits')
}

// -- the streams

class CheckedInput implements InputStream {
  private readonly input: InputStream

  constructor(input: InputStream) {
    this.input = input
  }

  async read(size?: number): Promise<Uint8Array> {
    return checkBytes(await this.input.read(checkSize(size, 'read')), size)
  }

  async readline(limit?: number): Promise<Uint8Array> {
    return checkBytes(await this.input.readline(checkSize(limit, 'readline')), limit)
  }

  async readlines(hint?: number): Promise<Uint8Array[]> {
    const lines = await this.input.readlines(checkSize(hint, 'readlines'))
    check(Array.isArray(lines), 'server', 'gave no array from readlines of wsgi.input')
    return lines.map((line) => checkBytes(line))
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    for await (const chunk of this.input) yield checkBytes(chunk)
  }
}

function checkSize(size: number | undefined, method: string): number | undefined {
  const isSize = size === undefined || Number.isInteger(size)
  check(isSize, 'app', `called ${method} of wsgi.input with ${shown(size)}`)
  return size
}

function checkBytes(bytes: Uint8Array, limit = -1): Uint8Array {
  check(bytes instanceof Uint8Array, 'server', `gave ${shown(bytes)} from wsgi.input`)
  const isWithin = limit < 0 || bytes.length <= limit
  check(isWithin, 'server', 'gave more bytes from wsgi.input than were asked for')
  return bytes
}

function checkedErrors(errors: ErrorStream): ErrorStream {
  const write = (text: string): void => {
    check(typeof text === 'string', 'app', `wrote ${shown(text)} to wsgi.errors`)
    errors.write(text)
  }
  return {
    write,
    writelines: (lines) => {
      for (const line of lines) write(line)
    },
    flush: () => errors.flush(),
  }
}

// -- the response

function checkedStart(startResponse: StartResponse, state: State): StartResponse {
  return function start(status, headers, excInfo, ...more: unknown[]) {
    check(more.length === 0, 'app', `called startResponse with ${3 + more.length} arguments`)
    const hasError = excInfo !== undefined && excInfo !== null
    check(!state.isStarted || hasError, 'app', 'called startResponse again without excInfo')
    checkStatus(status)
    checkHeaders(headers)
    checkContentType(status, headers)
    const write = startResponse(status, headers, excInfo)
    check(typeof write === 'function', 'server', 'returned no write function from startResponse')
    state.isStarted = true
    return checkedWrite(write)
  }
}

function checkStatus(status: string): void {
  check(typeof status === 'string', 'app', `gave a status that is no string: ${shown(status)}`)
  const isStatus = /^[2-9]\d\d [^ ]/.test(status)
  check(isStatus, 'app', `gave a status that is not a code and a reason: ${shown(status)}`)
}

function checkHeaders(headers: Parameters<StartResponse>[1]): void {
  check(Array.isArray(headers), 'app', `gave headers that are no array: ${shown(headers)}`)
  for (const header of headers) {
    const isPair = Array.isArray(header) && header.length === 2
    check(isPair, 'app', `gave a header that is no pair: ${shown(header)}`)
    const [name, value] = header
    check(typeof name === 'string', 'app', `gave a header name that is no string: ${shown(name)}`)
    check(typeof value === 'string', 'app', `gave a value of ${name} that is no string`)
    check(name.toLowerCase() !== 'status', 'app', 'gave a Status header, which is for CGI')
    const isName = /^[A-Za-z](?:[\w-]*[A-Za-z0-9])?$/.test(name)
    check(isName, 'app', `gave a bad header name: ${shown(name)}`)
    const isValue = /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
    check(isValue, 'app', `gave a value of ${name} with control or non-latin1 characters`)
  }
}

/** A response with a body says what it is; 204 and 304 have none. */
function checkContentType(status: string, headers: Parameters<StartResponse>[1]): void {
  const code = Number(status.slice(0, 3))
  const hasType = headers.some(([name]) => name.toLowerCase() === 'content-type')
  if (code === 204 || code === 304)
    check(!hasType, 'app', `gave a Content-Type with ${code}, which has no body`)
  else check(hasType, 'app', 'gave no Content-Type')
}

function checkedWrite(write: WriteCallable): WriteCallable {
  return (chunk) => write(checkChunk(chunk, 'wrote'))
}

function checkChunk(chunk: Chunk, verb: string): Chunk {
  const isChunk = typeof chunk === 'string' || ArrayBuffer.isView(chunk)
  check(isChunk, 'app', `${verb} ${shown(chunk)}, which is neither string nor bytes`)
  return chunk
}

function checkedBody(body: WSGIBody, state: State): WSGIBody {
  // The server knows its own file wrapper, and must get it as it is.
  if (body instanceof FileBody) return body
  check(body !== null && body !== undefined, 'app', `returned ${body}`)
  const isText = typeof body === 'string' || ArrayBuffer.isView(body)
  check(!isText, 'app', 'returned one string or array of bytes; put it into an array')
  const isAsync = Symbol.asyncIterator in body
  check(isAsync || Symbol.iterator in body, 'app', `returned ${shown(body)}, not an iterable`)
  if (Symbol.asyncIterator in body) return new CheckedAsyncBody(body, state)
  return new CheckedBody(body, state)
}

/** What both kinds of body have in common: chunks after the start and before `close`, one `close`. */
class BodyRules {
  private readonly body: WSGIBody
  private readonly state: State
  private isClosed = false

  constructor(body: WSGIBody, state: State) {
    this.body = body
    this.state = state
  }

  open(): void {
    check(!this.isClosed, 'server', 'asked for a chunk after close')
  }

  chunk(chunk: Chunk): void {
    checkChunk(chunk, 'yielded')
    const isEmpty = typeof chunk === 'string' ? chunk === '' : chunk.byteLength === 0
    const isEarly = !isEmpty && !this.state.isStarted
    check(!isEarly, 'app', 'yielded a chunk before it called startResponse')
  }

  end(): void {
    check(this.state.isStarted, 'app', 'came to the end without having called startResponse')
  }

  close(iterator: { return?(): unknown } | undefined): unknown {
    check(!this.isClosed, 'server', 'called close twice')
    this.isClosed = true
    const close = closeMethod(this.body)
    return close === undefined ? iterator?.return?.() : close.call(this.body)
  }
}

class CheckedBody implements Iterable<Chunk> {
  private readonly iterator: Iterator<Chunk>
  private readonly rules: BodyRules

  constructor(body: Iterable<Chunk> & WSGIBody, state: State) {
    this.iterator = body[Symbol.iterator]()
    this.rules = new BodyRules(body, state)
  }

  [Symbol.iterator](): Iterator<Chunk> {
    return this
  }

  next(): IteratorResult<Chunk> {
    this.rules.open()
    const step = this.iterator.next()
    if (step.done) this.rules.end()
    else this.rules.chunk(step.value)
    return step
  }

  async close(): Promise<void> {
    await this.rules.close(this.iterator)
  }
}

class CheckedAsyncBody implements AsyncIterable<Chunk> {
  private readonly iterator: AsyncIterator<Chunk>
  private readonly rules: BodyRules

  constructor(body: AsyncIterable<Chunk> & WSGIBody, state: State) {
    this.iterator = body[Symbol.asyncIterator]()
    this.rules = new BodyRules(body, state)
  }

  [Symbol.asyncIterator](): AsyncIterator<Chunk> {
    return this
  }

  async next(): Promise<IteratorResult<Chunk>> {
    this.rules.open()
    const step = await this.iterator.next()
    if (step.done) this.rules.end()
    else this.rules.chunk(step.value)
    return step
  }

  async close(): Promise<void> {
    await this.rules.close(this.iterator)
  }
}
