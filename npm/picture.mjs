// npm run picture: draws docs/benchmarks.svg from the tables of docs/benchmarks.md, so that the picture
// says nothing that the page does not.
//
//     node npm/picture.mjs           writes it
//     node npm/picture.mjs --check   fails if it is not what the page says
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Failure, root, script } from './project.mjs'

const PAGE = join(root, 'docs/benchmarks.md')
const PICTURE = join(root, 'docs/benchmarks.svg')

/** Columns of the page's tables of servers, and what the picture calls them. */
const CHARTS = [
  { column: '`hello-64`', title: 'A short text over 64 connections' },
  { column: '`flask`', title: 'A short text by Flask over 64 connections' },
]
/** Rows of the page that set monodon beside one other, by their first cells. */
const PAIRS = [
  { scenario: '`tls`', peer: 'node:https', title: 'A short text over TLS 1.3' },
  { scenario: '`tls-h2`', peer: 'node:http2', title: 'The same over HTTP/2' },
  { scenario: '`handshakes`', peer: 'node:https', title: 'TLS handshakes' },
  { scenario: '`static-50k`', peer: 'nginx', title: 'A file of 50 KB' },
  { scenario: '`gzip`', peer: 'Express and compression', title: '100 KB of JSON, gzip' },
]
const WIDTH = 720
/** Where bars begin, and how long the longest is. */
const LEFT = 190
const LONGEST = WIDTH - LEFT - 130
/** Of a bar with the space below it, and of a title. */
const BAR = 18
const TITLE = 34

/** The first number of a cell, if it has one. */
const numberIn = (cell) =>
  Number(/\d[\d,]*(?:\.\d+)?/.exec(cell)?.[0].replaceAll(',', '')) || undefined

const cellsOf = (line) =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())

/** Each table of the page: its rows, of which the first is its head. */
function tablesOf(page) {
  const blocks = page.split('\n\n').filter((block) => block.startsWith('| '))
  return blocks.map((block) =>
    block
      .split('\n')
      .filter((line) => line.startsWith('| '))
      .map(cellsOf),
  )
}

/** A column of servers. */
function chartOf(tables, { column, title }) {
  const table = tables.find(([head]) => head[0] === 'server' && head.includes(column))
  if (table === undefined) throw new Failure(`docs/benchmarks.md has no servers' ${column}`)
  const [head, ...rows] = table
  const bars = rows.map((row) => ({ name: row[0], rate: numberIn(row[head.indexOf(column)]) }))
  return { title, bars: bars.filter(({ rate }) => rate !== undefined) }
}

/** monodon and one other. */
function pairOf(tables, { scenario, peer, title }) {
  const isIt = ([name, , other]) => name === scenario && other?.startsWith(`${peer}: `)
  const row = tables.flat().find(isIt)
  if (row === undefined) throw new Failure(`docs/benchmarks.md has no ${scenario} beside ${peer}`)
  const [, ours, theirs] = row
  return {
    title,
    bars: [
      { name: 'monodon', rate: numberIn(ours) },
      { name: peer, rate: numberIn(theirs.slice(peer.length)) },
    ],
  }
}

/** What was measured on what, as the page says it. */
function conditionsOf(page) {
  const [, machine, rounds] =
    /on (two cores of [^;]*?), OpenSSL[^;]*; (medians of \w+ rounds)/.exec(page) ?? []
  if (machine === undefined) throw new Failure('docs/benchmarks.md tells no conditions')
  return `${machine}; one core for the server, another for its load; ${rounds}`
}

const heightOf = ({ bars }) => TITLE + bars.length * BAR

/** A title and its bars, from `top` down. */
function groupOf({ title, bars }, top) {
  const most = Math.max(...bars.map(({ rate }) => rate))
  const shown = bars.map((bar, at) => barOf(bar, bar.rate / most, top + TITLE + at * BAR))
  return [`<text x="10" y="${top + 26}" font-weight="bold">${title}</text>`, ...shown].join('\n')
}

function barOf({ name, rate }, share, y) {
  const width = Math.max(2, Math.round(share * LONGEST))
  const fill = name.includes('monodon') ? '#2f6f4f' : '#9aa5a0'
  return `<text x="${LEFT - 8}" y="${y + 12}" text-anchor="end">${name}</text>
<rect x="${LEFT}" y="${y}" width="${width}" height="${BAR - 3}" fill="${fill}"/>
<text x="${LEFT + width + 6}" y="${y + 12}">${rate.toLocaleString('en')}/s</text>`
}

function pictureOf(page) {
  const tables = tablesOf(page)
  const groups = [
    ...CHARTS.map((chart) => chartOf(tables, chart)),
    ...PAIRS.map((pair) => pairOf(tables, pair)),
  ]
  let height = 30
  const drawn = groups.map((group) => {
    const top = height
    height += heightOf(group)
    return groupOf(group, top)
  })
  height += 30
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" font-family="system-ui, sans-serif" font-size="12" fill="#222">
<title>Requests a second, monodon beside its peers</title>
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
<text x="10" y="22" font-size="14" font-weight="bold">Requests a second, or handshakes. More is better.</text>
${drawn.join('\n')}
<text x="10" y="${height - 8}" font-size="10" fill="#666">${conditionsOf(page)}</text>
</svg>
`
}

async function main([flag]) {
  const picture = pictureOf(readFileSync(PAGE, 'utf8'))
  if (flag !== '--check') {
    writeFileSync(PICTURE, picture)
    return 0
  }
  if (readFileSync(PICTURE, 'utf8') === picture) return 0
  throw new Failure('docs/benchmarks.svg is out of date: npm run picture')
}

await script(main)
