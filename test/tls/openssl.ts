/** What `openssl s_client` finds at a server, and curl gets from it. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { within } from '../support/wait.ts'

export interface Shaken {
  /** All that it printed. */
  readonly text: string
  readonly protocol: string
  readonly cipher: string
  /** The subject of the certificate that the server has shown. */
  readonly subject: string
  readonly alpn: string
  readonly isResumed: boolean
  readonly succeeded: boolean
}

/** Shakes hands with `localhost` at the port, sends a request for `/` and reads the answer. */
export async function shakeHands(port: number, ...args: readonly string[]): Promise<Shaken> {
  const text = await run(
    'openssl',
    ['s_client', '-connect', `127.0.0.1:${port}`, '-ign_eof', ...args],
    'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
  )
  const found = (pattern: RegExp) => pattern.exec(text)?.[1]?.trim() ?? ''
  const [, kind = '', protocol = '', cipher = ''] =
    /^(New|Reused), (\S+), Cipher is (\S+)$/m.exec(text) ?? []
  return {
    text,
    protocol,
    cipher,
    subject: found(/^subject=(.*)$/m),
    alpn: found(/^ALPN protocol: (.*)$/m),
    isResumed: kind === 'Reused',
    succeeded: cipher !== '' && cipher !== '(NONE)',
  }
}

/** What a command prints on both of its outputs, whatever it exits with. */
export async function run(command: string, args: readonly string[], input = ''): Promise<string> {
  const child = spawn(command, args)
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => {
      text += bytes
    })
  // It may have ended by itself.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  await within(60_000, `${command} ${args.join(' ')}`, () => once(child, 'close'))
  return text
}
