/**
 * The small HTTP server of metrics and of the status page. It runs in the main thread, which serves
 * nothing else: it answers when every worker hangs, and no request of the app waits for it.
 */

import { createHash, timingSafeEqual } from 'node:crypto'
import { chmodSync, lstatSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { isIP, isIPv6 } from 'node:net'
import { isAlive } from '../control/socket/client.ts'
import { MonodonError, messageOf } from '../errors.ts'
import { log } from '../log.ts'

/** What a page answers. */
export interface Page {
  readonly type: string
  readonly body: string | Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

/** What is asked of a page. */
export interface Asked {
  /** Of the target, after the `?`. */
  readonly query: URLSearchParams
  readonly accept: string
}

/** The pages of a server, by their paths. */
export type Pages = Readonly<Record<string, (asked: Asked) => Page | Promise<Page>>>

/** Where to serve them, and for whom. */
export interface ObserveSettings {
  /** `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`. */
  readonly bind: string
  /** The option that names it, for people: `--metrics-bind`. */
  readonly option: string
  /** What callers by TCP have to know; `''` is nothing, which only loopback addresses may have. */
  readonly token: string
}

interface Place {
  /** `''` for a Unix socket. */
  readonly host: string
  readonly port: number
  readonly path: string | undefined
}

/** Connections at a time: a scraper has one, a browser six. */
const MAX_CONNECTIONS = 64
/** Milliseconds for a request to come, and for a connection to ask again. */
const REQUEST_MS = 10_000
const IDLE_MS = 65_000
/** What is read of a head. */
const HEAD_BYTES = 8 * 1024

/** Serves pages to those who may see them, until it is closed. */
export class ObserveServer {
  /** As one would ask for it: `http://127.0.0.1:9464`. */
  readonly url: string
  private readonly server: Server

  private constructor(server: Server, place: Place) {
    this.server = server
    this.url = urlOf(server, place)
  }

  /**
   * Listens. Nothing is kept alive by it.
   *
   * @throws MonodonError `MONODON_BAD_OPTION` for an address that anybody could ask without a token,
   *   `MONODON_BIND_FAILED` for one that cannot be had
   */
  static async open(settings: ObserveSettings, pages: Pages): Promise<ObserveServer> {
    const place = placeOf(settings)
    const visitors = new Visitors(place, settings.token)
    const limits = {
      maxHeaderSize: HEAD_BYTES,
      headersTimeout: REQUEST_MS,
      requestTimeout: REQUEST_MS,
      keepAliveTimeout: IDLE_MS,
    }
    const server = createServer(limits, (request, response) => {
      void answer(request, response, visitors, pages)
    })
    server.maxConnections = MAX_CONNECTIONS
    await listen(server, place, settings.option)
    server.unref()
    return new ObserveServer(server, place)
  }

  /** Closes it at once: who asks has half an answer at most. Node removes the file of a Unix socket. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()))
    this.server.closeAllConnections()
    await closed
  }
}

/** Who may ask. */
class Visitors {
  private readonly isLocal: boolean
  private readonly host: string
  private readonly digest: Buffer | undefined

  constructor({ host, path }: Place, token: string) {
    this.isLocal = path !== undefined
    this.host = host.toLowerCase()
    this.digest = token === '' || this.isLocal ? undefined : digestOf(token)
  }

  /** Why a request is refused: its status, and what to do; `undefined` if it is not. */
  refusal({ method, headers }: IncomingMessage): [status: number, why: string] | undefined {
    if (method !== 'GET' && method !== 'HEAD') return [405, 'only GET and HEAD are answered here']
    if (this.isLocal) return undefined
    if (this.digest !== undefined)
      return this.knowsToken(headers.authorization ?? '')
        ? undefined
        : [
            401,
            'give the token of --observe-token: Authorization: Bearer TOKEN; to a browser, as the password of any user',
          ]
    return this.isOwnName(headers.host ?? '')
      ? undefined
      : [421, 'this address is not asked by that Host: use its IP address or localhost']
  }

  /** The token as `Bearer`, or as the password of `Basic`, which browsers ask people for. */
  private knowsToken(field: string): boolean {
    const [, scheme = '', value = ''] = /^(bearer|basic) +(\S+)$/i.exec(field) ?? []
    const given =
      scheme.toLowerCase() === 'basic'
        ? Buffer.from(value, 'base64')
            .toString()
            .replace(/^[^:]*:/, '')
        : value
    return timingSafeEqual(digestOf(given), this.digest!)
  }

  /**
   * A page of another site can have its own name resolved to this address and read what is here (DNS
   * rebinding). It cannot have `Host` be an address, or a name that browsers do not resolve.
   */
  private isOwnName(field: string): boolean {
    const host = field.toLowerCase().replace(/:\d*$/, '')
    const address = /^\[(.*)\]$/.exec(host)?.[1] ?? host
    return (
      isIP(address) > 0 || host === 'localhost' || host.endsWith('.localhost') || host === this.host
    )
  }
}

/** Of one length, whatever is given: the time of a comparison tells nothing. */
function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  visitors: Visitors,
  pages: Pages,
): Promise<void> {
  const refusal = visitors.refusal(request)
  if (refusal !== undefined) return refuse(response, ...refusal)
  const [path = '', query = ''] = (request.url ?? '').split('?', 2)
  if (!Object.hasOwn(pages, path)) {
    const known = Object.keys(pages).join(', ')
    return refuse(response, 404, `there is nothing at this path; there is ${known}`)
  }
  try {
    const asked = { query: new URLSearchParams(query), accept: request.headers.accept ?? '' }
    const { type, body, headers = {} } = await pages[path]!(asked)
    send(response, 200, { 'content-type': type, ...headers }, body)
  } catch (error) {
    log('error', `${path} could not be shown: ${messageOf(error)}`)
    refuse(response, 500, 'this could not be shown: the error log says why')
  }
}

function refuse(response: ServerResponse, status: number, why: string): void {
  const headers: Record<string, string> = { 'content-type': 'text/plain; charset=utf-8' }
  if (status === 401) headers['www-authenticate'] = 'Basic realm="monodon", charset="UTF-8"'
  if (status === 405) headers['allow'] = 'GET, HEAD'
  send(response, status, headers, `${why}\n`)
}

/** Figures are of one moment, and nobody else's to show. */
function send(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string | Uint8Array,
): void {
  response.writeHead(status, {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-length': Buffer.byteLength(body),
    ...headers,
  })
  response.end(body)
}

function placeOf({ bind, option, token }: ObserveSettings): Place {
  const path = /^unix:(?:\/\/)?(.+)$/.exec(bind)?.[1]
  if (path !== undefined) return { host: '', port: 0, path }
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(bind) ?? []
  const bare = host.replace(/^\[(.*)\]$/, '$1')
  if (token === '' && !isLoopback(bare)) {
    const detail = `${option} ${bind} can be asked from other machines: set --observe-token, or use a loopback address or unix:PATH`
    throw new MonodonError('MONODON_BAD_OPTION', { detail })
  }
  return { host: bare === '' ? '0.0.0.0' : bare, port: Number(port), path: undefined }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

async function listen(server: Server, { host, port, path }: Place, option: string): Promise<void> {
  try {
    const isTaken = path !== undefined && (await isAlive(path))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.once('listening', resolve)
      if (path === undefined) server.listen(port, host)
      else {
        if (!isTaken) removeLeftover(path)
        server.listen(path)
      }
    })
    // As a control socket: for the server's own user.
    if (path !== undefined) chmodSync(path, 0o600)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const isHost = code === 'ENOTFOUND' || code === 'EAI_AGAIN'
    throw new MonodonError(isHost ? 'MONODON_HOST_UNKNOWN' : 'MONODON_BIND_FAILED', {
      detail: `${option}: ${messageOf(error)}`,
    })
  }
  server.removeAllListeners('error')
  server.on('error', (error) => log('warning', `${option}: ${error.message}`))
}

/** What a server has left behind that was killed. */
function removeLeftover(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) rmSync(path)
}

function urlOf(server: Server, { host, path }: Place): string {
  if (path !== undefined) return `unix:${path}`
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return `http://${isIPv6(host) ? `[${host}]` : host}:${port}`
}
