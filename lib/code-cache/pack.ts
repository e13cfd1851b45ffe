/** Compiled code of several files as the bytes of one. */

/** What V8 made of a file's source. */
export interface Compiled {
  readonly source: Buffer
  readonly code: Buffer
}

type Header = readonly (readonly [name: string, sourceLength: number, codeLength: number])[]

/**
 * Packs what was compiled of each file. All of it is there twice: V8 does not check what it is given, and
 * ends the process over a byte that is wrong. To compare two copies costs less than any checksum that
 * Node could be asked for without loading more.
 */
export function pack(files: ReadonlyMap<string, Compiled>): Buffer {
  const header: Header = [...files].map(([name, { source, code }]) => [
    name,
    source.length,
    code.length,
  ])
  const parts = [...files.values()].flatMap(({ source, code }) => [source, code])
  const once = Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), ...parts])
  return Buffer.concat([once, once])
}

/** What `pack` was given; empty if the bytes are not the whole of what it gave. */
export function unpack(bytes: Buffer): Map<string, Compiled> {
  const files = new Map<string, Compiled>()
  const once = bytes.subarray(0, bytes.length >>> 1)
  if (!once.equals(bytes.subarray(once.length))) return files
  const headerEnd = once.indexOf('\n')
  if (headerEnd < 0) return files
  let at = headerEnd + 1
  const next = (length: number): Buffer => {
    at += length
    return once.subarray(at - length, at)
  }
  const header = JSON.parse(once.toString('utf8', 0, headerEnd)) as Header
  for (const [name, sourceLength, codeLength] of header)
    files.set(name, { source: next(sourceLength), code: next(codeLength) })
  return files
}
