/** Where a syntax error is. Node knows for CommonJS, but does not tell for ES modules. */

import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Jiti } from 'jiti'
import { createTranspiler, isLoaderError } from './import.ts'

/** Modules that are looked through for the error, at most. */
const MAX_FILES = 500
/** What Node puts before the stack: `path:line`, the line, carets. */
const NODE_LOCATION =
  /^((?:file:\/\/)?\/[^\n]*|[A-Za-z]:\\[^\n]*):(\d+)\n([\s\S]*?)\n\s*SyntaxError/
/** The message of an error in what jiti was to transpile. */
const JITI_LOCATION = /^ParseError: (.*?)\s*\n\s*(.+:\d+:\d+)/
/** The same in the code that jiti makes of a file it cannot parse. */
const JITI_ERROR = /^exports\.__JITI_ERROR__ = (\{.*\})$/
const RELATIVE_IMPORT = /\b(?:from|import)\s*\(?\s*['"](\.{1,2}\/[^'"\n]+)['"]/g

/**
 * `FILE:LINE: MESSAGE` and the line itself, when `error` is a syntax error that kept `entry` from
 * being loaded; `undefined` for any other error.
 */
export async function describeSyntaxError(
  error: unknown,
  entry: string,
): Promise<string | undefined> {
  if (!(error instanceof Error)) return undefined
  const transpiled = JITI_LOCATION.exec(error.message)
  if (transpiled !== null) {
    const [, message = '', location = ''] = transpiled
    return `${location}: ${message}${sourceLine(location)}`
  }
  if (!(error instanceof SyntaxError) || !isLoaderError(error)) return undefined
  const located = NODE_LOCATION.exec(error.stack ?? '')
  if (located !== null) {
    const [, path = '', line = '', frame = ''] = located
    const file = path.startsWith('file:') ? fileURLToPath(path) : path
    return `${file}:${line}: ${error.message}\n${frame}`
  }
  const location = await search(entry)
  return `${location ?? entry}: ${error.message}${location === undefined ? '' : sourceLine(location)}`
}

/** Parses `entry` and what it imports by relative path until a file cannot be parsed. */
async function search(entry: string): Promise<string | undefined> {
  const parser = await createTranspiler(entry)
  const files = new Set([entry])
  for (const file of files) {
    const source = readFileSync(file, 'utf8')
    const location = parse(parser, file, source)
    if (location !== undefined) return location
    for (const [, specifier = ''] of source.matchAll(RELATIVE_IMPORT)) {
      const imported = resolve(dirname(file), specifier)
      if (files.size < MAX_FILES && statSync(imported, { throwIfNoEntry: false })?.isFile())
        files.add(imported)
    }
  }
  return undefined
}

function parse(parser: Jiti, file: string, source: string): string | undefined {
  const code = parser.transform({ source, filename: file, async: true })
  const fault = JITI_ERROR.exec(code.trim())?.[1]
  if (fault === undefined) return undefined
  const { line, column } = JSON.parse(fault) as { line: number; column: number }
  return `${file}:${line}:${column}`
}

/** The line at `FILE:LINE:COLUMN`, with a caret under the column (counted from 0). */
function sourceLine(location: string): string {
  const match = /^(.*):(\d+):(\d+)$/.exec(location)
  if (match === null) return ''
  const [, file = '', line = '', column = ''] = match
  try {
    const text = readFileSync(file, 'utf8').split('\n')[Number(line) - 1] ?? ''
    return `\n${text}\n${text.slice(0, Number(column)).replace(/\S/g, ' ')}^`
  } catch {
    return ''
  }
}
