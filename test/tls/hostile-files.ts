/** Hostile records as data: `test/tls/hostile/NAME.txt`. See the README beside them. */
import { readdirSync, readFileSync } from 'node:fs'

export type Expectation =
  /** The server says why in plain text, by an alert of one of these numbers, and closes. */
  | { readonly kind: 'alert'; readonly codes: readonly number[] }
  /** It answers in plain text with this status, and closes. */
  | { readonly kind: 'answer'; readonly status: number }
  /** It closes; what it says before may be encrypted. */
  | { readonly kind: 'closed' }
  /** It closes once its patience is over, and not before. */
  | { readonly kind: 'late' }

export interface HostileFile {
  readonly name: string
  readonly why: string
  readonly bytes: Buffer
  /** The version of an established connection beneath which the bytes go; at its begin without it. */
  readonly after: 'TLSv1.2' | 'TLSv1.3' | undefined
  /** The client closes its side after them. */
  readonly end: boolean
  readonly expect: Expectation
}

const FOLDER = new URL('hostile/', import.meta.url)

export function hostileFiles(): HostileFile[] {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.txt'))
  return files.sort().map((file) => read(file.slice(0, -'.txt'.length)))
}

function read(name: string): HostileFile {
  const lines = readFileSync(new URL(`${name}.txt`, FOLDER), 'utf8')
    .trimEnd()
    .split('\n')
  const fields = new Map<string, string>()
  const pieces: Buffer[] = []
  for (const line of lines) {
    const [, field, value] = /^(#|after:|repeat:|expect:|end)\s*(.*)$/.exec(line) ?? []
    if (field !== undefined) fields.set(field, value!)
    else pieces.push(...bytesOf(name, line))
  }
  const once = Buffer.concat(pieces)
  return {
    name,
    why: fields.get('#') ?? '',
    bytes: Buffer.concat(Array<Buffer>(Number(fields.get('repeat:') ?? 1)).fill(once)),
    after: fields.get('after:') as HostileFile['after'],
    end: fields.has('end'),
    expect: expectation(name, fields.get('expect:') ?? ''),
  }
}

/** A line of hexadecimal digits; `00 * 500` stands for 500 of them. */
function bytesOf(name: string, line: string): Buffer[] {
  const [, digits, times = '1'] = /^((?:[0-9a-f]{2})+)(?: \* (\d+))?$/.exec(line) ?? []
  if (digits === undefined) throw new Error(`${name}: no field and no bytes: ${line}`)
  return Array<Buffer>(Number(times)).fill(Buffer.from(digits, 'hex'))
}

function expectation(name: string, text: string): Expectation {
  const [, kind, rest = ''] = /^(alert|answer|closed|late)\b ?(.*)$/.exec(text) ?? []
  switch (kind) {
    case 'alert':
      return { kind, codes: rest.split(', ').map(Number) }
    case 'answer':
      return { kind, status: Number(rest) }
    case 'closed':
    case 'late':
      return { kind }
    default:
      throw new Error(`${name}: what is expected of it is not clear: ${text}`)
  }
}
