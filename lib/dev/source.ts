/** The source that a place in running code was made from. */

import { readFileSync, statSync } from 'node:fs'
import { SourceMap, type SourceMapPayload } from 'node:module'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A place in a file: line and column count from 1, as in a stack. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** Some lines of a file. */
export interface Excerpt {
  /** The number of the first one. */
  readonly first: number
  readonly lines: readonly string[]
}

/** Files beyond this many bytes are not read: nobody wrote them. */
const MAX_BYTES = 4_000_000
const AROUND = 5
/** Characters of a line, at most. */
const MAX_COLUMNS = 400
const MAP_COMMENT = /^[ \t]*\/\/[#@] sourceMappingURL=(\S+)[ \t]*$/gm

/** Reads sources for one page, each file once. */
export class Sources {
  private readonly texts = new Map<string, string | undefined>()
  private readonly maps = new Map<string, SourceMap | undefined>()

  /** Where the code at `place` was written: by the file's source map, if it has one. */
  original(place: Place): Place {
    const map = this.mapOf(place.file)
    if (map === undefined) return place
    const entry = map.findEntry(place.line - 1, place.column - 1)
    if (!('originalSource' in entry) || typeof entry.originalSource !== 'string') return place
    const { originalSource, originalLine, originalColumn } = entry
    const file = sourcePath(place.file, map.payload.sourceRoot, originalSource)
    if (file === undefined) return place
    this.keepContent(map.payload, originalSource, file)
    return { file, line: originalLine + 1, column: originalColumn + 1 }
  }

  /** The lines around a place; `undefined` if they cannot be read. */
  around({ file, line }: Place): Excerpt | undefined {
    const lines = this.text(file)?.split(/\r\n|\n|\r/)
    if (lines === undefined || line < 1 || line > lines.length) return undefined
    const first = Math.max(1, line - AROUND)
    const shown = lines.slice(first - 1, line + AROUND)
    return { first, lines: shown.map((text) => text.slice(0, MAX_COLUMNS)) }
  }

  private text(file: string): string | undefined {
    if (!this.texts.has(file)) this.texts.set(file, read(file))
    return this.texts.get(file)
  }

  /** The file on the disk is what a developer edits; a map may carry a source that is nowhere else. */
  private keepContent(payload: SourceMapPayload, source: string, file: string): void {
    if (this.text(file) !== undefined) return
    const content = payload.sourcesContent?.[payload.sources.indexOf(source)]
    if (typeof content === 'string') this.texts.set(file, content)
  }

  private mapOf(file: string): SourceMap | undefined {
    if (!this.maps.has(file)) this.maps.set(file, this.readMap(file))
    return this.maps.get(file)
  }

  private readMap(file: string): SourceMap | undefined {
    const url = [...(this.text(file) ?? '').matchAll(MAP_COMMENT)].at(-1)?.[1]
    if (url === undefined) return undefined
    const text = url.startsWith('data:') ? decodeDataUrl(url) : read(resolve(dirname(file), url))
    if (text === undefined) return undefined
    try {
      return new SourceMap(JSON.parse(text))
    } catch {
      return undefined
    }
  }
}

function sourcePath(file: string, root: string | undefined, source: string): string | undefined {
  if (source.startsWith('file:')) return fileURLToPath(source)
  // `webpack:` and its like name no file.
  return /^[a-z][a-z+.-]+:/i.test(source) ? undefined : resolve(dirname(file), root ?? '', source)
}

function decodeDataUrl(url: string): string | undefined {
  const [, isBase64, data = ''] = /^data:[^,]*?(;base64)?,(.*)$/.exec(url) ?? []
  try {
    return isBase64 === undefined
      ? decodeURIComponent(data)
      : Buffer.from(data, 'base64').toString('utf8')
  } catch {
    return undefined
  }
}

function read(file: string): string | undefined {
  try {
    const stats = statSync(file)
    return stats.isFile() && stats.size <= MAX_BYTES ? readFileSync(file, 'utf8') : undefined
  } catch {
    return undefined
  }
}
