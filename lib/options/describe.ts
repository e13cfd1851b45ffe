/** What people read about an option, in `--help`, `--print-config` and the reference page. */

import type { OptionRow } from './rows/row.ts'
import type { OptionKey, Options } from './table.ts'
import { rowOf } from './table.ts'
import { formatValue } from './values.ts'

/** What stands for the value after the flag; `''` for a switch. */
export function placeholder(row: OptionRow): string {
  switch (row.type) {
    case 'integer':
      return row.auto === undefined ? 'N' : 'N|auto'
    case 'duration':
      return 'TIME'
    case 'size':
      return 'SIZE'
    case 'enum':
      return row.values.join('|')
    case 'boolean':
      return ''
    case 'string':
    case 'list':
      return row.unit
    case 'mode':
      return 'MODE'
    case 'addresses':
      return 'ADDRESS'
  }
}

/** The default as one would give it; `''` when there is none. */
export function shownDefault(row: OptionRow): string {
  if (row.type === 'boolean') return ''
  return typeof row.default === 'object' ? row.default.join(', ') : String(row.default)
}

/** A resolved value as one would give it; `***` for a secret. */
export function shownValue(key: OptionKey, options: Options): string {
  const row = rowOf(key)
  const text = formatValue(row, options[key])
  return row.secret && text !== '' ? '***' : text
}
