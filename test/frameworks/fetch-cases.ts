/** What the suites of the fetch frameworks ask: features, each with its requests. */

/** One request. Its answer on monodon is held against the one on the framework's server for Node. */
export interface Case {
  readonly name: string
  /** Default GET; HEAD and others as sent. */
  readonly method?: string
  readonly target: string
  /** Field lines; `Host` and what frames the body are added. */
  readonly fields?: readonly string[]
  readonly body?: string | Uint8Array
  /** Sends the body in chunks of so many bytes, not with its length. */
  readonly chunkSize?: number
}

export interface Feature {
  readonly name: string
  readonly cases: readonly Case[]
}

export const JSON_BODY = 'Content-Type: application/json'
export const FORM_BODY = 'Content-Type: application/x-www-form-urlencoded'

const BOUNDARY = '----boundary'
export const MULTIPART_BODY = `Content-Type: multipart/form-data; boundary=${BOUNDARY}`

/** A part of a form: a file if it has a file name. */
interface Part {
  readonly name: string
  readonly content: string | Uint8Array
  readonly filename?: string
  readonly type?: string
}

/** A body of `multipart/form-data` (RFC 7578). */
export function multipart(...parts: readonly Part[]): Uint8Array {
  const pieces = parts.flatMap(({ name, content, filename, type }) => [
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"`,
    filename === undefined ? '' : `; filename="${filename}"`,
    type === undefined ? '' : `\r\nContent-Type: ${type}`,
    '\r\n\r\n',
    content,
    '\r\n',
  ])
  return Buffer.concat(
    [...pieces, `--${BOUNDARY}--\r\n`].map((piece) => Buffer.from(piece as string)),
  )
}

/** The bytes of a request. The connection ends with its answer. */
export function bytesOf({ method = 'GET', target, fields = [], body, chunkSize }: Case): Buffer {
  const lines = [`${method} ${target} HTTP/1.1`, ...fields, 'Connection: close']
  if (!fields.some((field) => /^host:/i.test(field))) lines.push('Host: app.example')
  const content = Buffer.from(body ?? '')
  if (chunkSize !== undefined) lines.push('Transfer-Encoding: chunked')
  else if (body !== undefined) lines.push(`Content-Length: ${content.length}`)
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  return Buffer.concat([head, chunkSize === undefined ? content : chunked(content, chunkSize)])
}

function chunked(content: Buffer, size: number): Buffer {
  const pieces: (string | Buffer)[] = []
  for (let at = 0; at < content.length; at += size) {
    const piece = content.subarray(at, at + size)
    pieces.push(`${piece.length.toString(16)}\r\n`, piece, '\r\n')
  }
  return Buffer.concat([...pieces, '0\r\n\r\n'].map((piece) => Buffer.from(piece as string)))
}
