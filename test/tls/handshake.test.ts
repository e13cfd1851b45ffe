/** Versions, names, protocols and sessions, as other implementations of TLS see them. */

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Certificates, type Pair, RSA } from '../support/certificates.ts'
import { type ServeOptions, startServer, type TestServer } from '../support/server.ts'
import { run, shakeHands } from './openssl.ts'

const app = (_request: Request) => new Response('hello')

let certificates: Certificates
let local: Pair
beforeAll(() => {
  certificates = new Certificates()
  local = certificates.issue('local', { names: ['DNS:localhost', 'IP:127.0.0.1'] })
})
afterAll(() => certificates.remove())

async function serving(
  options: ServeOptions,
  look: (server: TestServer) => Promise<void>,
): Promise<void> {
  const server = await startServer(app, { bind: 'https://127.0.0.1:0', ...local, ...options })
  try {
    await look(server)
  } finally {
    await server.close()
  }
}

describe('versions', () => {
  it.each([
    ['-tls1_3', 'TLSv1.3', /^TLS_/],
    ['-tls1_2', 'TLSv1.2', /^ECDHE-ECDSA-/],
  ])('%s is spoken', (flag, version, cipher) =>
    serving({}, async ({ port }) => {
      const { protocol, cipher: found, text } = await shakeHands(port, flag)
      expect(protocol).toBe(version)
      expect(found).toMatch(cipher)
      expect(text).toContain('hello')
    }),
  )

  it.each(['-tls1', '-tls1_1'])('%s is not', (flag) =>
    serving({}, async ({ port }) => {
      const answer = await shakeHands(port, flag, '-cipher', 'ALL:@SECLEVEL=0')
      expect(answer.succeeded).toBe(false)
    }),
  )

  it('tls-min-version 1.3 leaves out 1.2', () =>
    serving({ tlsMinVersion: '1.3' }, async ({ port }) => {
      expect((await shakeHands(port, '-tls1_2')).succeeded).toBe(false)
      expect((await shakeHands(port)).protocol).toBe('TLSv1.3')
    }))
})

describe('ALPN', () => {
  it.each([
    ['auto', 'h2,http/1.1', 'h2'],
    ['auto', 'http/1.1,h2', 'h2'],
    ['auto', 'http/1.1', 'http/1.1'],
    ['1', 'h2,http/1.1', 'http/1.1'],
    ['2', 'h2,http/1.1', 'h2'],
  ] as const)('with --http %s, %s gets %s', (http, offered, chosen) =>
    serving({ http }, async ({ port }) => {
      // With h2 the request that is sent makes no sense; the handshake has been shown by then.
      expect((await shakeHands(port, '-alpn', offered)).alpn).toBe(chosen)
    }),
  )

  it('who offers nothing that is spoken is refused', () =>
    serving({ http: '1' }, async ({ port }) => {
      expect((await shakeHands(port, '-alpn', 'h2')).text).toMatch(/no application protocol/i)
    }))

  it('who does not know it speaks HTTP/1.1', () =>
    serving({}, async ({ port }) => {
      expect((await shakeHands(port)).text).toContain('hello')
    }))
})

describe('names', () => {
  it('choose the certificate, the first being for all others', async () => {
    const wild = certificates.issue('wild', { names: ['DNS:*.wild.test'] })
    const exact = certificates.issue('exact', { names: ['DNS:exact.wild.test', 'DNS:b.test'] })
    const certfile = [local, wild, exact].map((pair) => pair.certfile)
    const keyfile = [local, wild, exact].map((pair) => pair.keyfile)
    await serving({ certfile, keyfile }, async ({ port }) => {
      for (const [name, subject] of [
        ['localhost', 'CN = local'],
        ['a.wild.test', 'CN = wild'],
        ['A.Wild.Test', 'CN = wild'],
        ['exact.wild.test', 'CN = exact'],
        ['b.test', 'CN = exact'],
        ['a.b.wild.test', 'CN = local'],
        ['wild.test', 'CN = local'],
        ['other.test', 'CN = local'],
      ] as const)
        expect([name, (await shakeHands(port, '-servername', name)).subject]).toEqual([
          name,
          subject,
        ])
      expect((await shakeHands(port, '-noservername')).subject).toBe('CN = local')
    })
  })

  it('of two certificates for one name, the client gets the one that it can check', async () => {
    const rsa = certificates.issue('rsa', { names: ['DNS:localhost'], key: RSA })
    const certfile = [local.certfile, rsa.certfile]
    const keyfile = [local.keyfile, rsa.keyfile]
    await serving({ certfile, keyfile }, async ({ port }) => {
      const only = (algorithm: string) =>
        shakeHands(port, '-servername', 'localhost', '-sigalgs', algorithm)
      expect((await only('rsa_pss_rsae_sha256')).subject).toBe('CN = rsa')
      expect((await only('ecdsa_secp256r1_sha256')).subject).toBe('CN = local')
    })
  })
})

describe('keys', () => {
  const forms = [
    ['PKCS#8', 'EC', ['pkcs8', '-topk8', '-nocrypt']],
    ['PKCS#8', 'RSA', ['pkcs8', '-topk8', '-nocrypt']],
    ['PKCS#1', 'RSA', ['rsa', '-traditional']],
    ['SEC1', 'EC', ['ec']],
  ] as const
  it.each(forms)('in %s, %s, are read', async (form, kind, command) => {
    const made = certificates.issue(`key-${form.replace('#', '')}-${kind}`, {
      names: ['DNS:localhost'],
      ...(kind === 'RSA' ? { key: RSA } : {}),
    })
    const keyfile = `${made.keyfile}.other`
    certificates.openssl(...command, '-in', made.keyfile, '-out', keyfile)
    await serving({ certfile: made.certfile, keyfile }, async ({ port }) => {
      expect((await shakeHands(port)).succeeded).toBe(true)
    })
  })

  it('may be in the file of the certificate, which may hold a chain', async () => {
    const { readFileSync } = await import('node:fs')
    const text = [local.certfile, certificates.authority, local.keyfile].map((file) =>
      readFileSync(file, 'utf8'),
    )
    const certfile = certificates.write('all.pem', text.join(''))
    await serving({ certfile, keyfile: [] }, async ({ port }) => {
      const answer = await shakeHands(port, '-showcerts')
      expect(answer.subject).toBe('CN = local')
      expect(answer.text.match(/BEGIN CERTIFICATE/g)?.length).toBeGreaterThanOrEqual(2)
    })
  })
})

describe('sessions', () => {
  it.each(['-tls1_2', '-tls1_3'])('are resumed with %s', (flag) =>
    serving({}, async ({ port }) => {
      const file = join(certificates.folder, `session${flag}`)
      const first = await shakeHands(port, flag, '-sess_out', file)
      expect(first.isResumed).toBe(false)
      expect((await shakeHands(port, flag, '-sess_in', file)).isResumed).toBe(true)
      rmSync(file)
    }),
  )

  it('with TLS 1.2 are resumed by their number, too', () =>
    serving({}, async ({ port }) => {
      const file = join(certificates.folder, 'session-id')
      await shakeHands(port, '-tls1_2', '-no_ticket', '-sess_out', file)
      const second = await shakeHands(port, '-tls1_2', '-no_ticket', '-sess_in', file)
      expect(second.isResumed).toBe(true)
    }))
})

describe('curl', () => {
  it.each(['--http1.1', '--http2'])('%s', (flag) =>
    serving({}, async ({ port }) => {
      const url = `https://localhost:${port}/`
      const args = ['-s', '-w', ' %{http_version} %{ssl_verify_result}', flag, url]
      const text = await run('curl', ['--cacert', certificates.authority, ...args])
      expect(text).toBe(`hello ${flag === '--http2' ? '2' : '1.1'} 0`)
    }),
  )
})
