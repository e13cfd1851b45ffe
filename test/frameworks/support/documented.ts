/** The tables of docs/frameworks.md, which the suites write and check. */
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { DIFFERENCES, type DifferenceName } from './differences.ts'
import { FEATURES, type Feature } from './features.ts'

/** The cases of a framework that went as they should. */
export type Column = Partial<Record<Feature, PassedCase[]>>

interface PassedCase {
  readonly title: string
  readonly differs: readonly DifferenceName[]
}

const PAGE = fileURLToPath(new URL('../../../docs/frameworks.md', import.meta.url))
const CORNER = 'feature'
const NONE = '–'
const NOTES = Object.keys(DIFFERENCES) as DifferenceName[]

/** A table as rows of cells, the first of which has the names of the columns. */
type Table = string[][]

/**
 * Compares the column of a framework with what the suite has found; with `MONODON_WRITE_DOCS` set
 * it is written instead.
 */
export function checkColumn(name: string, column: Column): void {
  if (process.env.MONODON_WRITE_DOCS) {
    alone(() => {
      const page = readFileSync(PAGE, 'utf8')
      const table = withColumn(tableIn(page, 'results'), name, column)
      const written = replace(page, 'results', renderTable(table))
      writeFileSync(PAGE, replace(written, 'differences', renderDifferences()))
    })
    return
  }
  const page = readFileSync(PAGE, 'utf8')
  const table = tableIn(page, 'results')
  const found = withColumn(table, name, column)
  const hint = 'MONODON_WRITE_DOCS=1 npm test -- test/frameworks writes it'
  expect(table, `docs/frameworks.md is out of date: ${hint}`).toEqual(found)
  expect(between(page, 'differences'), hint).toBe(renderDifferences())
}

/** The table with the column as it should be, and a row for each feature that it has. */
function withColumn(table: Table, name: string, column: Column): Table {
  const names = table[0]?.slice(1) ?? []
  if (!names.includes(name)) names.push(name)
  const cellOf = (feature: string, of: string): string => {
    if (of === name) return cell(column[feature as Feature])
    const row = table.find(([first]) => first === feature)
    return row?.[1 + (table[0]?.slice(1).indexOf(of) ?? 0)] ?? NONE
  }
  const rows = FEATURES.map((feature) => [feature, ...names.map((of) => cellOf(feature, of))])
  return [[CORNER, ...names], ...rows.filter(([, ...cells]) => cells.some((text) => text !== NONE))]
}

/** For example `7` or `4 (a)`: how many cases went the same way, and by what they may differ. */
function cell(cases: readonly PassedCase[] | undefined): string {
  if (cases === undefined) return NONE
  const letters = NOTES.filter((name) => cases.some(({ differs }) => differs.includes(name)))
  const notes = letters.map(letterOf).join(', ')
  return notes === '' ? `${cases.length}` : `${cases.length} (${notes})`
}

function letterOf(name: DifferenceName): string {
  return String.fromCharCode('a'.charCodeAt(0) + NOTES.indexOf(name))
}

function renderDifferences(): string {
  const rows = NOTES.map((name) => [letterOf(name), name, DIFFERENCES[name].reason])
  return renderTable([['', 'difference', 'why'], ...rows])
}

function renderTable([head, ...rows]: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head!), `|${'---|'.repeat(head!.length)}`, ...rows.map(line)].join('\n')
}

function tableIn(page: string, section: string): Table {
  const lines = between(page, section).split('\n')
  const rows = lines.filter((line) => line.startsWith('| '))
  return rows.map((line) => line.slice(2, -2).split(' | '))
}

const SECTION = (name: string): RegExp =>
  new RegExp(`(?<=<!-- ${name}: written by the tests -->\n\n).*?(?=\n\n<!-- end -->)`, 's')

function between(page: string, section: string): string {
  const match = SECTION(section).exec(page)
  if (match === null) throw new Error(`docs/frameworks.md has no place for its ${section}`)
  return match[0]
}

function replace(page: string, section: string, text: string): string {
  between(page, section)
  return page.replace(SECTION(section), () => text)
}

/** Suites run in processes of their own: one at a time changes the page. */
function alone(work: () => void): void {
  const lock = `${PAGE}.lock`
  const deadline = Date.now() + 10_000
  for (;;) {
    try {
      closeSync(openSync(lock, 'wx'))
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || Date.now() > deadline) throw error
    }
  }
  try {
    work()
  } finally {
    rmSync(lock)
  }
}
