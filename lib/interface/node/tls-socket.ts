/** What `node:tls` adds to the socket of a connection that is encrypted by this server. */

import type { X509Certificate } from 'node:crypto'
import { createRequire } from 'node:module'
import type { CipherNameAndProtocol, PeerCertificate } from 'node:tls'
import type { TlsFacts } from '../../bridge/exchange.ts'
import type { Endpoint } from './endpoint.ts'
import { NodeSocket } from './socket.ts'
import { kExchange } from './state.ts'
import { UpgradedSocket } from './upgraded-socket.ts'

/** Socket classes for connections of which there are `Exchange.tls`. */
export class TlsSocket extends NodeSocket {}
export class TlsUpgradedSocket extends UpgradedSocket {}

function factsOf(socket: Endpoint): TlsFacts {
  return socket[kExchange].tls!
}

function certificateOf(socket: Endpoint): X509Certificate | undefined {
  const raw = factsOf(socket).client?.raw
  if (raw === undefined || raw.length === 0) return undefined
  // Few ask for it, and every worker would wait for it to be loaded.
  const { X509Certificate }: typeof import('node:crypto') = createRequire(import.meta.url)(
    'node:crypto',
  )
  return new X509Certificate(raw)
}

const MEMBERS = {
  /** The host that the client asked for; `false` if it named none. */
  get servername(): string | false {
    return factsOf(this as unknown as Endpoint).serverName || false
  },

  get alpnProtocol(): string | false {
    return factsOf(this as unknown as Endpoint).alpnProtocol || false
  },

  /** Whether the client has shown a certificate. One that is not good ends the handshake. */
  get authorized(): boolean {
    return factsOf(this as unknown as Endpoint).client !== undefined
  },

  get authorizationError(): null {
    return null
  },

  getProtocol(this: Endpoint): string {
    return factsOf(this).protocol
  },

  getCipher(this: Endpoint): CipherNameAndProtocol {
    const { cipher, standardCipher } = factsOf(this)
    // The version is that for which OpenSSL has the suite.
    const version = cipher.startsWith('TLS_') ? 'TLSv1.3' : 'TLSv1.2'
    return { name: cipher, standardName: standardCipher, version }
  },

  isSessionReused(this: Endpoint): boolean {
    return factsOf(this).isResumed
  },

  /** The client's own certificate; those of its issuers do not come along. `{}` if it has shown none. */
  getPeerCertificate(this: Endpoint): PeerCertificate | object {
    return certificateOf(this)?.toLegacyObject() ?? {}
  },

  getPeerX509Certificate(this: Endpoint): X509Certificate | undefined {
    return certificateOf(this)
  },
}

for (const { prototype } of [TlsSocket, TlsUpgradedSocket])
  Object.defineProperties(prototype, Object.getOwnPropertyDescriptors(MEMBERS))
