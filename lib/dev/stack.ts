/** The frames of a stack, as V8 writes it. */

import { isAbsolute, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CODE_PATH } from '../code-folder.ts'
import type { Place, Sources } from './source.ts'

export interface Frame {
  /** The line of the stack as it was. */
  readonly text: string
  /** The function, as the stack names it; `''` at the top of a module. */
  readonly caller: string
  /** Where, in the source as it was written; `undefined` for what is in no file. */
  readonly place: Place | undefined
  /** Whether it is code of the app: neither a package's nor Node's nor ours. */
  readonly isOwn: boolean
}

const FRAME = /^\s+at (?:(.*?) \()?(.+?):(\d+):(\d+)\)?$/

/** The frames of a stack. What stands before them, the message, may look like anything. */
export function framesOf(stack: string, sources: Sources): Frame[] {
  const lines = stack.split('\n')
  const last = lines.findLastIndex((line) => !/^\s+at /.test(line))
  return lines.slice(last + 1).map((line) => frameOf(line, sources))
}

function frameOf(line: string, sources: Sources): Frame {
  const [, caller = '', location = '', row, column] = FRAME.exec(line) ?? []
  const file = pathOf(location)
  const text = line.trim().replace(/^at /, '')
  if (file === undefined) return { text, caller, place: undefined, isOwn: false }
  const place = sources.original({ file, line: Number(row), column: Number(column) })
  return { text, caller, place, isOwn: isOwnFile(file) }
}

function pathOf(location: string): string | undefined {
  try {
    // Node's loader adds a query where a module is loaded anew.
    const path = location.startsWith('file:') ? fileURLToPath(location.split('?')[0]!) : location
    return isAbsolute(path) ? path : undefined
  } catch {
    return undefined
  }
}

function isOwnFile(file: string): boolean {
  return !file.startsWith(CODE_PATH) && !/[\\/]node_modules[\\/]/.test(file)
}

/** `src/app.ts:3:7`, from the current folder on if it lies below. */
export function shownPlace({ file, line, column }: Place): string {
  const path = relative(process.cwd(), file)
  return `${path.startsWith('..') ? file : path}:${line}:${column}`
}
