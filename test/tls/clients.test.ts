/** Clients' certificates, and what apps see of connections. */

import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { TLSSocket } from 'node:tls'
import type { Environ, FetchInfo, StartResponse } from 'monodon'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Certificates, type Pair } from '../support/certificates.ts'
import { describePython, requirePython } from '../support/python.ts'
import { type ServeOptions, startServer } from '../support/server.ts'
import { within } from '../support/wait.ts'

let certificates: Certificates
let server: Pair
let ann: Pair
let revoked: Pair
let stranger: Pair
let strangers: Certificates
let crl: string
beforeAll(() => {
  certificates = new Certificates()
  strangers = new Certificates()
  server = certificates.issue('server', { names: ['DNS:localhost'] })
  ann = certificates.issue('ann', {
    names: ['email:ann@example.test'],
    subject: '/O=Example, Inc/CN=Ann Ä',
  })
  revoked = certificates.issue('revoked', { names: ['DNS:revoked'] })
  stranger = strangers.issue('stranger', { names: ['DNS:stranger'] })
  crl = certificates.revoke(revoked)
})
afterAll(() => {
  certificates.remove()
  strangers.remove()
})

/** What the app answers a client with this certificate; the code of the error if the server refuses it. */
function ask(port: number, pair?: Pair): Promise<unknown> {
  const own =
    pair === undefined ? {} : { cert: readFileSync(pair.certfile), key: readFileSync(pair.keyfile) }
  return within(
    30_000,
    'an answer',
    () =>
      new Promise((resolve) => {
        const request = httpsRequest(
          {
            host: '127.0.0.1',
            port,
            servername: 'localhost',
            ca: certificates.ca,
            agent: false,
            ...own,
          },
          (response) => {
            let text = ''
            response.on('data', (bytes: Buffer) => {
              text += bytes
            })
            response.on('end', () => resolve(JSON.parse(text)))
          },
        )
        request.on('error', () => resolve('refused'))
        request.end()
      }),
  )
}

async function asking<T>(
  app: unknown,
  options: ServeOptions,
  look: (ask: (pair?: Pair) => Promise<unknown>) => Promise<T>,
): Promise<T> {
  const running = await startServer(app, { bind: 'https://127.0.0.1:0', ...server, ...options })
  try {
    return await look((pair) => ask(running.port, pair))
  } finally {
    await running.close()
  }
}

const whoIs = (_request: Request, info: FetchInfo) =>
  Response.json(info.tls?.client?.subject ?? 'nobody')
const ANN = String.raw`CN=Ann \C3\84,O=Example\, Inc`

describe('cert-reqs', () => {
  const rules = () => ({ interface: 'fetch', caCerts: certificates.authority }) as const

  it('none asks for none', () =>
    asking(whoIs, { interface: 'fetch' }, async (ask) => {
      expect(await ask(ann)).toBe('nobody')
      expect(await ask()).toBe('nobody')
    }))

  it('optional takes none, and none that is not good', () =>
    asking(whoIs, { ...rules(), certReqs: 'optional' }, async (ask) => {
      expect(await ask()).toBe('nobody')
      expect(await ask(ann)).toBe(ANN)
      expect(await ask(revoked)).toBe('CN=revoked')
      expect(await ask(stranger)).toBe('refused')
    }))

  it('required lets nobody in without one', () =>
    asking(whoIs, { ...rules(), certReqs: 'required' }, async (ask) => {
      expect(await ask()).toBe('refused')
      expect(await ask(stranger)).toBe('refused')
      expect(await ask(ann)).toBe(ANN)
    }))

  it('refuses what was revoked', () =>
    asking(whoIs, { ...rules(), certReqs: 'required', crl }, async (ask) => {
      expect(await ask(revoked)).toBe('refused')
      expect(await ask(ann)).toBe(ANN)
    }))
})

/** The same of every connection of Node's client. */
const SUITE = 'TLS_AES_256_GCM_SHA384'

describe('an app sees', () => {
  const strict = () =>
    ({ certReqs: 'optional', caCerts: certificates.authority }) satisfies ServeOptions

  it('fetch: info.tls', async () => {
    const app = (request: Request, info: FetchInfo) => {
      const { tls } = info
      const raw = tls?.client && Buffer.from(tls.client.raw).toString('base64')
      return Response.json({ scheme: new URL(request.url).protocol, ...tls, raw })
    }
    await asking(app, { interface: 'fetch', ...strict() }, async (ask) => {
      expect(await ask()).toEqual({
        scheme: 'https:',
        protocol: 'TLSv1.3',
        cipher: SUITE,
        standardCipher: SUITE,
        cipherBits: 256,
        serverName: 'localhost',
        alpnProtocol: expect.stringMatching(/^(http\/1\.1)?$/),
        isResumed: false,
      })
      expect(await ask(ann)).toMatchObject({
        client: { subject: ANN, issuer: 'CN=Test authority', serialNumber: serialOf(ann) },
        raw: derOf(ann),
      })
    })
  })

  it('node: what node:tls has', async () => {
    const app = (request: IncomingMessage, response: ServerResponse) => {
      const socket = request.socket as TLSSocket & { servername: string }
      response.end(
        JSON.stringify({
          encrypted: socket.encrypted,
          protocol: socket.getProtocol(),
          cipher: socket.getCipher(),
          servername: socket.servername,
          authorized: socket.authorized,
          resumed: socket.isSessionReused(),
          peer: socket.getPeerCertificate(),
          x509: socket.getPeerX509Certificate()?.subject,
        }),
      )
    }
    await asking(app, { interface: 'node', ...strict() }, async (ask) => {
      expect(await ask()).toEqual({
        encrypted: true,
        protocol: 'TLSv1.3',
        cipher: { name: SUITE, standardName: SUITE, version: 'TLSv1.3' },
        servername: 'localhost',
        authorized: false,
        resumed: false,
        peer: {},
      })
      expect(await ask(ann)).toMatchObject({
        authorized: true,
        peer: { subject: { CN: 'Ann Ä' }, serialNumber: serialOf(ann) },
        x509: expect.stringContaining('CN=Ann'),
      })
    })
  })

  const named = (certificate: Pair) => ({
    'wsgi.url_scheme': 'https',
    HTTPS: 'on',
    SSL_PROTOCOL: 'TLSv1.3',
    SSL_CIPHER: SUITE,
    SSL_CIPHER_USEKEYSIZE: '256',
    SSL_TLS_SNI: 'localhost',
    SSL_SESSION_RESUMED: 'Initial',
    SSL_CLIENT_VERIFY: 'SUCCESS',
    SSL_CLIENT_S_DN: ANN,
    SSL_CLIENT_I_DN: 'CN=Test authority',
    SSL_CLIENT_M_SERIAL: serialOf(certificate),
    SSL_CLIENT_V_START: expect.stringMatching(/^\w{3} [\d ]\d \d\d:\d\d:\d\d \d{4} GMT$/),
    SSL_CLIENT_V_END: expect.stringMatching(/ GMT$/),
    SSL_CLIENT_CERT: readFileSync(certificate.certfile, 'utf8'),
  })
  const unnamed = {
    'wsgi.url_scheme': 'https',
    HTTPS: 'on',
    SSL_PROTOCOL: 'TLSv1.3',
    SSL_CIPHER: SUITE,
    SSL_CIPHER_USEKEYSIZE: '256',
    SSL_TLS_SNI: 'localhost',
    SSL_SESSION_RESUMED: 'Initial',
    SSL_CLIENT_VERIFY: 'NONE',
  }

  it('wsgi: the names of mod_ssl', async () => {
    const app = (environ: Environ, startResponse: StartResponse) => {
      startResponse('200 OK', [])
      const shown = Object.entries(environ).filter(([key]) => /^(HTTPS$|SSL_|wsgi.url)/.test(key))
      return [JSON.stringify(Object.fromEntries(shown))]
    }
    await asking(app, { interface: 'wsgi', ...strict() }, async (ask) => {
      expect(await ask()).toEqual(unnamed)
      expect(await ask(ann)).toEqual(named(ann))
    })
  })

  describePython('Python', () =>
    it('the names of mod_ssl', async () => {
      const file = certificates.write(
        'facts.py',
        `import json
def app(environ, start_response):
    start_response('200 OK', [])
    keys = ('HTTPS', 'SSL_', 'wsgi.url_scheme')
    return [json.dumps({k: v for k, v in environ.items() if k.startswith(keys)}).encode()]
`,
      )
      const options = { interface: 'python', python: requirePython(), ...strict() } as const
      await asking(`${file}:app`, options, async (ask) => {
        expect(await ask()).toEqual(unnamed)
        expect(await ask(ann)).toEqual(named(ann))
      })
    }),
  )

  it('nothing of a plain connection, whatever a proxy says', async () => {
    const running = await startServer(
      (_: Request, info: FetchInfo) => Response.json(info.tls ?? 0),
      {
        interface: 'fetch',
      },
    )
    const headers = { 'x-forwarded-proto': 'https' }
    const answer = await fetch(running.serving.url, { headers })
    expect(await answer.json()).toBe(0)
    await running.close()
  })
})

function serialOf({ certfile }: Pair): string {
  return certificates.openssl('x509', '-in', certfile, '-noout', '-serial').trim().slice(7)
}

function derOf({ certfile }: Pair): string {
  return readFileSync(certfile, 'utf8').replaceAll(/-----[A-Z ]+-----|\n/g, '')
}
