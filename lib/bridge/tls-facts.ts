/** What native code tells of an encrypted connection. */

import type { TlsFacts } from './exchange.ts'
import { TLS_CLIENT, TLS_FACTS } from './layout.ts'

/** The block that was read last: connections differ in few ways, and have many requests. */
let lastBlock = ''
let lastFacts: TlsFacts | undefined

/** What the block at the end of a head's text tells; see `FLAG.encrypted` in `layout.ts`. */
export function tlsFactsIn(head: string): TlsFacts {
  const end = head.length - 2
  const length = head.charCodeAt(end) | (head.charCodeAt(end + 1) << 8)
  const block = head.slice(end - length, end)
  if (lastFacts === undefined || block !== lastBlock) {
    lastFacts = parse(block)
    lastBlock = block
  }
  return lastFacts
}

function parse(block: string): TlsFacts {
  const texts = block.split('\0', TLS_FACTS.length + TLS_CLIENT.length)
  const [protocol = '', cipher = '', standardCipher = '', bits, serverName = '', alpn = ''] = texts
  const [subject, issuer = '', serialNumber = '', validFrom = '', validTo = ''] = texts.slice(
    TLS_FACTS.length,
  )
  const before = texts.reduce((sum, text) => sum + text.length + 1, 0)
  return {
    protocol,
    cipher,
    standardCipher,
    cipherBits: Number(bits),
    serverName,
    alpnProtocol: alpn,
    isResumed: texts[TLS_FACTS.length - 1] === '1',
    client:
      subject === undefined
        ? undefined
        : {
            subject,
            issuer,
            serialNumber,
            validFrom,
            validTo,
            raw: Buffer.from(block.slice(before), 'latin1'),
          },
  }
}
