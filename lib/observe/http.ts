/**
 * The small HTTP server of metrics and of the status page. Native code takes requests and sends answers, on a
 * thread of its own; the main thread, which serves nothing else, makes them. So it answers when every
 * worker hangs, and no request of the app waits for it.
 */

import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP, isIPv6 } from 'node:net'
import { type NativeAsked, type NativePage, type NativePages, openPages } from '../bridge/native.ts'
import { removeSocketFile, type SocketFile, socketFileAt } from '../control/listen/socket-file.ts'
import { startFailure } from '../control/listen/start-failure.ts'
import { MonodonError, messageOf } from '../errors.ts'
import { log, logReport } from '../log.ts'

/** What a page answers. */
export interface Page {
  readonly type: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

/** What is asked of a page. */
export interface Asked {
  readonly accept: string
}

/** The pages of a server, by their paths. */
export type Pages = Readonly<Record<string, (asked: Asked) => Page>>

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

/** Serves pages to those who may see them, until it is closed. */
export class ObserveServer {
  /** As one would ask for it: `http://127.0.0.1:9464`. */
  readonly url: string
  private readonly native: NativePages
  private readonly file: SocketFile | undefined

  private constructor(native: NativePages, { host, path }: Place) {
    this.native = native
    this.file = path === undefined ? undefined : socketFileAt(path)
    this.url =
      path === undefined
        ? `http://${isIPv6(host) ? `[${host}]` : host}:${native.port}`
        : `unix:${path}`
  }

  /**
   * Listens. Nothing is kept alive by it.
   *
   * @throws MonodonError `MONODON_BAD_OPTION` for an address that anybody could ask without a token,
   *   `MONODON_BIND_FAILED` and `MONODON_HOST_UNKNOWN` for one that cannot be had
   */
  static open(settings: ObserveSettings, pages: Pages): ObserveServer {
    const { option, token } = settings
    const place = placeOf(settings)
    const visitors = new Visitors(place, token)
    try {
      const native = openPages(
        bindOf(place),
        (asked) => answer(asked, visitors, pages),
        ({ code, detail }) => logReport({ code, detail: `${option}: ${detail}` }),
      )
      return new ObserveServer(native, place)
    } catch (error) {
      const failure = startFailure(error)
      throw new MonodonError(failure.code, { detail: `${option}: ${messageOf(failure)}` })
    }
  }

  /** Closes it at once: who asks has half an answer at most. */
  close(): void {
    removeSocketFile(this.file)
    this.native.close()
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
  refusal(asked: NativeAsked): [status: number, why: string] | undefined {
    const { method, host, authorization } = asked
    if (method !== 'GET' && method !== 'HEAD') return [405, 'only GET and HEAD are answered here']
    if (this.isLocal) return undefined
    if (this.digest !== undefined)
      return this.knowsToken(authorization)
        ? undefined
        : [
            401,
            'give the token of --observe-token: Authorization: Bearer TOKEN; to a browser, as the password of any user',
          ]
    return this.isOwnName(host)
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

function answer(asked: NativeAsked, visitors: Visitors, pages: Pages): NativePage {
  const refusal = visitors.refusal(asked)
  if (refusal !== undefined) return refused(...refusal)
  const { path, accept } = asked
  if (!Object.hasOwn(pages, path)) {
    const known = Object.keys(pages).join(', ')
    return refused(404, `there is nothing at this path; there is ${known}`)
  }
  try {
    const { type, body, headers = {} } = pages[path]!({ accept })
    return { status: 200, fields: fieldsOf({ 'content-type': type, ...headers }), body }
  } catch (error) {
    log('error', `${path} could not be shown: ${messageOf(error)}`)
    return refused(500, 'this could not be shown: the error log says why')
  }
}

function refused(status: number, why: string): NativePage {
  const headers: Record<string, string> = { 'content-type': 'text/plain; charset=utf-8' }
  if (status === 401) headers['www-authenticate'] = 'Basic realm="monodon", charset="UTF-8"'
  if (status === 405) headers['allow'] = 'GET, HEAD'
  return { status, fields: fieldsOf(headers), body: `${why}\n` }
}

/** Figures are of one moment, and nobody else's to show. */
function fieldsOf(headers: Readonly<Record<string, string>>): string[] {
  return [
    ...['cache-control', 'no-store', 'x-content-type-options', 'nosniff'],
    ...Object.entries(headers).flat(),
  ]
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

/** A name that begins with `@` is one of a file here: a socket without one is anybody's on this machine. */
function bindOf({ host, port, path }: Place): string {
  if (path !== undefined) return `unix:${path.startsWith('@') ? './' : ''}${path}`
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`
}
