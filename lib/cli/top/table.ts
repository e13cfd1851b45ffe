/** Tables that fit a terminal: where it is narrow, the columns that count least are left out. */

import { cut, type Line, type Piece, piece } from './line.ts'

export interface Column<Row> {
  readonly head: string
  cell(row: Row): Piece
  /** Figures stand at the right. */
  readonly isFigure?: true
  /** The larger, the sooner it is left out; 0 is never. */
  readonly spare: number
}

const GAP = 2

/** The heads and a line for each row. The last column has what the others leave, and is cut there. */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number,
): Line[] {
  const measured = columns.map((column) => {
    const cells = rows.map((row) => column.cell(row))
    const widest = Math.max(column.head.length, ...cells.map(({ text }) => text.length))
    return { ...column, cells, widest }
  })
  const total = (): number =>
    shown.reduce(
      (sum, { widest, head }, index) =>
        sum + GAP + (index < shown.length - 1 ? widest : head.length),
      -GAP,
    )
  let shown = measured
  while (total() > width) {
    const most = Math.max(...shown.map(({ spare }) => spare))
    if (most === 0) break
    shown = shown.filter(({ spare }) => spare !== most)
  }
  const lineOf = (cellOf: (column: (typeof shown)[number]) => Piece): Line =>
    shown.flatMap((column, index) => {
      const { text, style } = cellOf(column)
      const isLast = index === shown.length - 1
      const padded = column.isFigure ? text.padStart(column.widest) : text.padEnd(column.widest)
      return isLast
        ? [piece(column.isFigure ? padded : text, style)]
        : [piece(padded, style), piece(' '.repeat(GAP))]
    })
  const head = lineOf((column) => piece(column.head, 'faint'))
  const body = rows.map((_, index) => lineOf(({ cells }) => cells[index]!))
  return [head, ...body].map((line) => cut(line, width))
}
