/** What the tests of Flask and of Django share. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { pattern } from '../support/apps/probe.ts'
import { Client, get, post } from '../support/client.ts'
import { FileWatcher } from '../support/file-watcher.ts'
import { FRAMEWORKS_MS, frameworks } from '../support/python.ts'
import type { WireResponse } from '../support/responses.ts'
import type { ServeOptions, TestServer } from '../support/server.ts'
import { startPython } from '../support/subject.ts'

/** What the apps send as a file. */
export const FILE = Buffer.from(pattern(1_000_003))
/** What is uploaded. */
export const UPLOAD = Buffer.from(pattern(5_000_000))

/** An app of a framework, served while the tests of a `describe` run. */
export class FrameworkApp {
  readonly watcher = new FileWatcher()
  readonly #folder = mkdtempSync(join(tmpdir(), 'monodon-frameworks-'))
  #server: TestServer | undefined

  /** @param app in this folder, as `FILE:NAME` */
  constructor(app: string, options: ServeOptions = {}) {
    const file = join(this.#folder, 'file')
    writeFileSync(file, FILE)
    beforeAll(async () => {
      process.env.TEST_SENT_FILE = file
      this.#server = await startPython(`test/python-apps/${app}`, this.watcher, {
        python: await frameworks(),
        pythonpath: ['test/support/apps/python'],
        ...options,
      })
    }, FRAMEWORKS_MS)
    afterAll(async () => {
      rmSync(this.#folder, { recursive: true })
      await this.#server?.close()
    })
  }

  get server(): TestServer {
    return this.#server!
  }

  connect(...methods: string[]): Promise<Client> {
    return Client.connect(this.server, methods)
  }

  get(target: string, ...fields: string[]): Promise<WireResponse> {
    return this.send('GET', get(target, ...fields))
  }

  head(target: string): Promise<WireResponse> {
    return this.send('HEAD', get(target).replace('GET', 'HEAD'))
  }

  /** @param body one character an octet */
  post(target: string, body: string, ...fields: string[]): Promise<WireResponse> {
    return this.send('POST', post(target, body, ...fields))
  }

  /** A form, as browsers send it. */
  form(target: string, values: Readonly<Record<string, string>>): Promise<WireResponse> {
    const body = new URLSearchParams(values).toString()
    return this.post(target, body, 'Content-Type: application/x-www-form-urlencoded')
  }

  /** A form with a file (RFC 7578). */
  upload(target: string, name: string, content: Buffer): Promise<WireResponse> {
    const boundary = 'a-boundary-that-is-in-no-file'
    const body = [
      `--${boundary}\r\nContent-Disposition: form-data; name="title"\r\n\r\nA title\r\n`,
      `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\n`,
      `Content-Type: application/octet-stream\r\n\r\n${content.toString('latin1')}\r\n`,
      `--${boundary}--\r\n`,
    ].join('')
    return this.post(target, body, `Content-Type: multipart/form-data; boundary=${boundary}`)
  }

  /** A body without a length, in chunks of 10,000 bytes. */
  chunked(target: string, content: Buffer): Promise<WireResponse> {
    const pieces = [
      `POST ${target} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n`,
    ]
    for (let at = 0; at < content.length; at += 10_000) {
      const piece = content.subarray(at, at + 10_000)
      pieces.push(`${piece.length.toString(16)}\r\n${piece.toString('latin1')}\r\n`)
    }
    pieces.push('0\r\n\r\n')
    return this.send('POST', pieces.join(''))
  }

  private async send(method: string, bytes: string): Promise<WireResponse> {
    const client = await this.connect(method)
    try {
      void client.write(bytes)
      return await client.response(20_000)
    } finally {
      await client.leave()
    }
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

export function json(answer: WireResponse): unknown {
  return JSON.parse(answer.body.toString())
}

/** What a browser would send back: the Cookie field for the Set-Cookie lines of an answer. */
export function cookiesOf(answer: WireResponse): string {
  const lines = answer.fields.filter(([name]) => name.toLowerCase() === 'set-cookie')
  return `Cookie: ${lines.map(([, value]) => value.split(';', 1)[0]).join('; ')}`
}
