/** Tables of figures. */

import { keepChildren, make, setClass, setText } from './dom.ts'

export interface Cell {
  readonly text: string
  /** A class that says how it is: `warn`, `bad`. */
  readonly mark?: string
}

export interface Column<Row> {
  readonly head: string
  /** `figure` stands at the right, `request` may be broken anywhere, `state` is in a frame. */
  readonly kind: 'text' | 'figure' | 'request' | 'state'
  /** It names its row. */
  readonly isHead?: boolean
  cell(row: Row): Cell
}

/** Fills `place` with a table, or with `empty` if there are no rows. */
export function showTable<Row>(
  place: Element,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  keyOf: (row: Row) => string,
  empty: string,
): void {
  const note =
    place.querySelector(':scope > .empty') ?? place.appendChild(make('p', 'empty', empty))
  const table = place.querySelector('table') ?? place.appendChild(newTable(columns))
  note.toggleAttribute('hidden', rows.length > 0)
  table.toggleAttribute('hidden', rows.length === 0)
  keepChildren(
    table.tBodies[0]!,
    rows,
    keyOf,
    () => newRow(columns),
    (element, row) => {
      for (const [index, column] of columns.entries())
        fillCell(element.children[index]!, column, column.cell(row))
    },
  )
}

function newTable<Row>(columns: readonly Column<Row>[]): HTMLTableElement {
  const table = make('table')
  const head = table.createTHead().insertRow()
  for (const column of columns) {
    const cell = make('th', column.kind === 'figure' ? 'figure' : '', column.head)
    cell.scope = 'col'
    head.append(cell)
  }
  table.createTBody()
  return table
}

function newRow<Row>(columns: readonly Column<Row>[]): HTMLTableRowElement {
  const row = make('tr')
  for (const column of columns) {
    const cell = make(column.isHead ? 'th' : 'td')
    if (cell instanceof HTMLTableCellElement && column.isHead) cell.scope = 'row'
    if (column.kind === 'state') cell.append(make('span'))
    row.append(cell)
  }
  return row
}

function fillCell<Row>(element: Element, { kind }: Column<Row>, { text, mark = '' }: Cell): void {
  if (kind === 'state') {
    const frame = element.firstElementChild!
    setText(frame, text)
    setClass(frame, `state ${mark}`.trimEnd())
    return
  }
  setText(element, text)
  setClass(element, `${kind === 'text' ? '' : kind} ${mark}`.trim())
}
