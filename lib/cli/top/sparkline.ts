/** A row of bars, one for each figure. */

const BLOCKS = ' ▁▂▃▄▅▆▇█'
/** Where a terminal has no more than ASCII. */
const ASCII_BLOCKS = ' .:-=+*#@'

/** The last figures, as many as there are columns; the highest of them fills its line. */
export function sparkline(
  figures: readonly number[],
  columns: number,
  hasUnicode: boolean,
): string {
  const blocks = hasUnicode ? BLOCKS : ASCII_BLOCKS
  const shown = figures.slice(-columns)
  const top = Math.max(...shown, 0)
  return shown
    .map((figure) => blocks[top === 0 ? 0 : Math.ceil((figure / top) * (blocks.length - 1))])
    .join('')
}
