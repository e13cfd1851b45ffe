/** `PATH_INFO` from a request target (RFC 3986 section 2.1; PEP 3333, "Unicode Issues"). */

const NOT_PLAIN = /[^!-$&-~]/
/** Stands for a literal `%` until the path is complete: no decoded text holds a lone surrogate. */
const PERCENT = '\ud800'
/** A `%` that would read as an escape which was left as it is, or as the escape of such a `%`. */
const AMBIGUOUS_PERCENT = /\ud800(?=(?:25)*[89A-Fa-f][0-9A-Fa-f])/g

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/**
 * Decodes the escapes of a path as UTF-8. Octets that are not UTF-8 stay escaped (`%FF`). So that
 * two paths never become equal by that, `%25` stays too where it would be taken for the `%` of such
 * an escape: `%25FF` stays `%25FF`, while `%252F` gives `%2F`. A `%` that begins no escape is kept
 * as a literal one. Nothing throws.
 */
export function decodePath(path: string): string {
  return NOT_PLAIN.test(path) ? decodeEscapes(path) : path
}

function decodeEscapes(path: string): string {
  let decoded = ''
  let at = 0
  while (at < path.length) {
    const run = octetsFrom(path, at)
    if (run.octets.length === 0) decoded += path[at] === '%' ? PERCENT : path[at]
    else decoded += decodeOctets(run)
    at = run.end
  }
  return decoded.replace(AMBIGUOUS_PERCENT, '%25').replaceAll(PERCENT, '%')
}

/** Octets that follow each other, and how each was written. */
interface Run {
  readonly octets: number[]
  readonly written: string[]
  /** Where the path goes on. */
  end: number
}

/** The octets from `at` on that are escaped, or sent raw beyond ASCII; else one character. */
function octetsFrom(path: string, at: number): Run {
  const run: Run = { octets: [], written: [], end: at }
  while (run.end < path.length) {
    const code = path.charCodeAt(run.end)
    const isEscape = code === 0x25 && isHex(path, run.end + 1) && isHex(path, run.end + 2)
    if (!isEscape && code < 0x80) break
    const written = isEscape ? path.slice(run.end, run.end + 3) : escapeOf(code & 0xff)
    run.octets.push(Number.parseInt(written.slice(1), 16))
    run.written.push(written)
    run.end += isEscape ? 3 : 1
  }
  if (run.octets.length === 0) run.end += 1
  return run
}

/** A raw octet means what its escape means, and is written like it. */
const escapeOf = (octet: number): string => `%${octet.toString(16).toUpperCase()}`

function isHex(text: string, at: number): boolean {
  const code = text.charCodeAt(at) | 0x20
  return (code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x66)
}

function decodeOctets({ octets, written }: Run): string {
  let decoded = ''
  let at = 0
  while (at < octets.length) {
    const length = sequenceLength(octets, at)
    if (length === 0) decoded += written[at]
    else if (length > 1) decoded += utf8.decode(Uint8Array.from(octets.slice(at, at + length)))
    else decoded += octets[at] === 0x25 ? PERCENT : String.fromCharCode(octets[at]!)
    at += length || 1
  }
  return decoded
}

/** Octets of the UTF-8 sequence at `at`; 0 if there is none (RFC 3629 section 4). */
function sequenceLength(octets: number[], at: number): number {
  const first = octets[at]!
  if (first < 0x80) return 1
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  for (let next = 1; next < length; next += 1) {
    const octet = octets[at + next] ?? 0
    const isFollower = next === 1 ? octet >= low && octet <= high : octet >= 0x80 && octet <= 0xbf
    if (!isFollower) return 0
  }
  return length
}
