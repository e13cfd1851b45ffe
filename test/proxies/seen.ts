/** An app of each interface that tells what it sees of a request: who has sent it, and where the app is. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Environ, FetchInfo, StartResponse } from 'monodon'
import { requirePython } from '../support/python.ts'
import { type AppKind, type ServeOptions, startServer, type TestServer } from '../support/server.ts'

export interface Seen {
  readonly address: string
  /** 0 for none. */
  readonly port: number
  readonly scheme: string
  readonly host: string
  /** SCRIPT_NAME; `''` where the interface has none. */
  readonly script: string
  readonly path: string
  /** By their names in `environ`, without HTTP_, in lower case. */
  readonly fields: Readonly<Record<string, string>>
}

function named(fields: Iterable<readonly [string, string]>): Record<string, string> {
  const others = [...fields].filter(([name]) => name !== 'host')
  return Object.fromEntries(others.map(([name, value]) => [name.replaceAll('-', '_'), value]))
}

const APPS = {
  fetch: (request: Request, info: FetchInfo): Response => {
    const { protocol, host, pathname } = new URL(request.url)
    return Response.json({
      address: info.remoteAddress,
      port: info.remotePort,
      scheme: protocol.slice(0, -1),
      host,
      script: '',
      path: pathname,
      fields: named(request.headers),
    } satisfies Seen)
  },
  node: (req: IncomingMessage, res: ServerResponse): void => {
    const { socket, headers } = req
    const seen: Seen = {
      address: socket.remoteAddress ?? '',
      port: socket.remotePort ?? 0,
      scheme: 'encrypted' in socket ? 'https' : 'http',
      host: headers.host!,
      script: '',
      path: req.url!,
      fields: named(Object.entries(headers) as [string, string][]),
    }
    res.end(JSON.stringify(seen))
  },
  wsgi: (environ: Environ, start: StartResponse): string[] => {
    const fields = Object.entries(environ)
      .filter(([key]) => key.startsWith('HTTP_') && key !== 'HTTP_HOST')
      .map(([key, value]) => [key.slice(5).toLowerCase(), String(value)] as const)
    const seen: Seen = {
      address: environ.REMOTE_ADDR,
      port: Number(environ.REMOTE_PORT),
      scheme: environ['wsgi.url_scheme'],
      host: environ.HTTP_HOST!,
      script: environ.SCRIPT_NAME,
      path: environ.PATH_INFO,
      fields: Object.fromEntries(fields),
    }
    start('200 OK', [])
    return [JSON.stringify(seen)]
  },
}

/** The app of an interface, served. */
export function startSeen(kind: AppKind, options: ServeOptions = {}): Promise<TestServer> {
  if (kind !== 'python') return startServer(APPS[kind], { interface: kind, ...options })
  const python = { interface: kind, python: requirePython() } as const
  return startServer('test/proxies/apps/seen.py:app', { ...python, ...options })
}
