/** Preambles of the PROXY protocol as data: `preambles.txt`, which says itself how it is read. */
import { readFileSync } from 'node:fs'

export type Expectation =
  /** The app sees this client. */
  | {
      readonly kind: 'client'
      readonly address: string
      readonly port: number
      readonly scheme: string
    }
  /** The app sees who has connected. */
  | { readonly kind: 'own' }
  | { readonly kind: 'closed' }
  | { readonly kind: 'late' }
  /** What follows it is answered so, and what is none of it where none need come. */
  | { readonly kind: 'answer' | 'http'; readonly status: number }

export interface PreambleCase {
  readonly why: string
  readonly bytes: Buffer
  readonly expect: Expectation
}

export function preambles(): PreambleCase[] {
  const text = readFileSync(new URL('preambles.txt', import.meta.url), 'utf8')
  const blocks = text.trimEnd().split('\n\n')
  return blocks.map((block) => block.split('\n')).flatMap(read)
}

function read(lines: string[]): PreambleCase[] {
  const at = lines.findIndex((line) => line.startsWith('expect: '))
  // The head of the file.
  if (at < 0) return []
  return [
    {
      why: lines.slice(0, at).join(' ').slice('# '.length),
      bytes: Buffer.concat(lines.slice(at + 1).map(bytesOf)),
      expect: expectation(lines[at]!.slice('expect: '.length)),
    },
  ]
}

function bytesOf(line: string): Buffer {
  if (line.startsWith('"')) {
    const json = line.replace(/\\x([0-9a-f]{2})/g, '\\u00$1')
    return Buffer.from(JSON.parse(json) as string, 'latin1')
  }
  const [, digits, times = '1'] = /^((?:[0-9a-f]{2})+)(?: \* (\d+))?$/.exec(line) ?? []
  if (digits === undefined) throw new Error(`preambles.txt: no bytes: ${line}`)
  return Buffer.concat(Array<Buffer>(Number(times)).fill(Buffer.from(digits, 'hex')))
}

function expectation(text: string): Expectation {
  const [kind, first, port, scheme] = text.split(' ')
  if (kind === 'client') return { kind, address: first!, port: Number(port), scheme: scheme! }
  if (kind === 'answer' || kind === 'http') return { kind, status: Number(first) }
  if (kind === 'own' || kind === 'closed' || kind === 'late') return { kind }
  throw new Error(`preambles.txt: no expectation: ${text}`)
}
