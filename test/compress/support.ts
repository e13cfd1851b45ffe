/** What the tests of compression share: clients of both protocols, and decoders. */
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2'
import { brotliDecompressSync, createBrotliDecompress, createGunzip, gunzipSync } from 'node:zlib'
import { Decompress, decompress } from 'fzstd'
import { type Address, Client } from '../support/client.ts'
import { within } from '../support/wait.ts'

export const CODINGS = ['zstd', 'br', 'gzip'] as const
export type Coding = (typeof CODINGS)[number]

/** The body that was compressed; throws unless it is whole. */
export function decode(coding: string | undefined, body: Uint8Array): Buffer {
  switch (coding) {
    case undefined:
      return Buffer.from(body)
    case 'gzip':
      return gunzipSync(body)
    case 'br':
      return brotliDecompressSync(body)
    case 'zstd':
      return Buffer.from(decompress(body))
    default:
      throw new Error(`what is ${coding}?`)
  }
}

/** Decodes while the body arrives: `push` what comes, and read `text` for what can be read of it. */
export class LiveDecoder {
  readonly push: (bytes: Uint8Array) => void
  bytes = 0
  text = ''

  /** @param keep whether to collect the text, or only to count its bytes */
  constructor(coding: Coding, keep = true) {
    const take = (plain: Uint8Array) => {
      this.bytes += plain.length
      if (keep) this.text += Buffer.from(plain).toString()
    }
    if (coding === 'zstd') {
      const decoder = new Decompress(take)
      this.push = (bytes) => decoder.push(bytes)
      return
    }
    const decoder = coding === 'gzip' ? createGunzip() : createBrotliDecompress()
    decoder.on('data', take)
    this.push = (bytes) => void decoder.write(bytes)
  }
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  readonly trailers: Readonly<Record<string, string>>
}

/** One request; rejects if the answer does not come whole. */
export type Ask = (
  path: string,
  fields?: Record<string, string>,
  method?: string,
) => Promise<Answer>

export interface Protocol {
  readonly ask: Ask
  close(): Promise<void>
}

export function http1(address: Address): Promise<Protocol> {
  const ask: Ask = async (path, fields = {}, method = 'GET') => {
    const client = await Client.connect(address)
    const lines = Object.entries({
      host: 'localhost',
      connection: 'close',
      te: 'trailers',
      ...fields,
    })
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
    try {
      const answer = await client.request(method, `${method} ${path} HTTP/1.1\r\n${head}\r\n`)
      const trailers = answer.trailers.map(([name, value]) => [name.toLowerCase(), value])
      return { ...answer, trailers: Object.fromEntries(trailers) as Record<string, string> }
    } finally {
      await client.leave()
    }
  }
  return Promise.resolve({ ask, close: () => Promise.resolve() })
}

export async function http2(address: Address): Promise<Protocol> {
  const session = connect(`http://${address.host}:${address.port}`)
  return {
    ask: (path, fields = {}, method = 'GET') =>
      within(30_000, path, () =>
        askStream(session, { ':path': path, ':method': method, ...fields }),
      ),
    close: () => new Promise((resolve) => session.close(resolve)),
  }
}

function askStream(session: ClientHttp2Session, fields: Record<string, string>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request(fields, { endStream: true })
    const pieces: Buffer[] = []
    let headers: IncomingHttpHeaders = {}
    let trailers: IncomingHttpHeaders = {}
    stream.on('response', (received) => {
      headers = received
    })
    stream.on('trailers', (received) => {
      trailers = received
    })
    stream.on('data', (piece: Buffer) => pieces.push(piece))
    stream.on('error', reject)
    stream.on('close', () => {
      if (stream.rstCode !== 0) return reject(new Error(`reset: ${stream.rstCode}`))
      const plain = Object.entries(headers).filter(([, value]) => typeof value === 'string')
      resolve({
        status: Number(headers[':status']),
        headers: Object.fromEntries(plain) as Record<string, string>,
        body: Buffer.concat(pieces),
        trailers: trailers as Record<string, string>,
      })
    })
  })
}
