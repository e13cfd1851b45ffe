/** Lines of a terminal: pieces of text, each in a style. */

/** Select Graphic Rendition, by what a piece means. */
const STYLES = {
  strong: '1',
  faint: '2',
  bad: '31',
  warn: '33',
  good: '32',
  head: '7',
} as const

export type Style = keyof typeof STYLES

export interface Piece {
  /** Printable ASCII, and blocks of sparklines: each character is one column. */
  readonly text: string
  readonly style?: Style | undefined
}

export type Line = readonly Piece[]

export function piece(text: string, style?: Style): Piece {
  return { text, style }
}

/** The line's first columns. */
export function cut(line: Line, columns: number): Line {
  const kept: Piece[] = []
  let left = columns
  for (const { text, style } of line) {
    if (left <= 0) break
    kept.push(piece(text.slice(0, left), style))
    left -= text.length
  }
  return kept
}

/** As it is written to a terminal. */
export function painted(line: Line, hasColors: boolean): string {
  return line
    .map(({ text, style }) =>
      hasColors && style !== undefined && text !== ''
        ? `\x1b[${STYLES[style]}m${text}\x1b[0m`
        : text,
    )
    .join('')
    .trimEnd()
}

/**
 * Two texts as far apart as the line is wide; one after the other where it has no end. Where both have no
 * room the left one is cut.
 */
export function apart(left: Line, right: Line, columns: number): Line {
  if (widthOf(right) === 0) return left
  if (!Number.isFinite(columns)) return [...left, piece('  '), ...right]
  const kept = cut(left, columns - widthOf(right) - 2)
  const gap = columns - widthOf(kept) - widthOf(right)
  return [...kept, piece(' '.repeat(Math.max(0, gap))), ...right]
}

function widthOf(line: Line): number {
  return line.reduce((sum, { text }) => sum + text.length, 0)
}
