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

/** Rows of the page, by their first cells, and what the picture calls them. */
const SHOWN = [
  { scenario: '`tls`', peer: 'node:https', title: 'a short text over TLS 1.3' },
  { scenario: '`tls-h2`', peer: 'node:http2', title: 'the same over HTTP/2' },
  { scenario: '`handshakes`', peer: 'node:https', title: 'TLS handshakes' },
  { scenario: '`static-50k`', peer: 'nginx', title: 'a file of 50 KB' },
  { scenario: '`gzip`', peer: 'Express and compression', title: '100 KB of JSON, gzip' },
]
const WIDTH = 720
const LABEL = 230
const BAR = 18
const ROW = 2 * BAR + 30

/** The first number of a cell. */
const numberIn = (cell) => Number(/[\d,]+(?:\.\d+)?/.exec(cell)[0].replaceAll(',', ''))

function rowsOf(page) {
  return page
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
}

function figuresOf(page) {
  const rows = rowsOf(page)
  return SHOWN.map(({ scenario, peer, title }) => {
    const row = rows.find(([name, , other]) => name === scenario && other?.startsWith(`${peer}: `))
    if (row === undefined) throw new Failure(`docs/benchmarks.md has no ${scenario} beside ${peer}`)
    const theirs = numberIn(row[2].slice(peer.length))
    return { title, peer, ours: numberIn(row[1]), theirs, ratio: row[3].split(';')[0] }
  })
}

/** What was measured on what, as the page says it. */
function conditionsOf(page) {
  const [, machine] = /on (two cores of [^;]*?), OpenSSL/.exec(page) ?? []
  if (machine === undefined) throw new Failure('docs/benchmarks.md tells no conditions')
  return `${machine}; one core for the server, another for its load; medians of three rounds`
}

const bar = (y, share, fill, text) => {
  const width = Math.max(2, Math.round(share * (WIDTH - LABEL - 200)))
  return `<rect x="${LABEL}" y="${y}" width="${width}" height="${BAR}" fill="${fill}"/>
<text x="${LABEL + width + 6}" y="${y + 13}">${text}</text>`
}

function rowOf({ title, peer, ours, theirs, ratio }, at) {
  const y = 40 + at * ROW
  const most = Math.max(ours, theirs)
  return `<text x="10" y="${y + 22}" font-weight="bold">${title}</text>
${bar(y, ours / most, '#2f6f4f', `monodon ${ours.toLocaleString('en')}/s, ${ratio} times`)}
${bar(y + BAR + 2, theirs / most, '#9aa5a0', `${peer} ${theirs.toLocaleString('en')}/s`)}`
}

function pictureOf(page) {
  const height = 40 + SHOWN.length * ROW + 20
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" font-family="system-ui, sans-serif" font-size="12" fill="#222">
<title>Requests a second, monodon beside its peers</title>
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
<text x="10" y="22" font-size="14" font-weight="bold">A second: requests, or handshakes. More is better.</text>
${figuresOf(page).map(rowOf).join('\n')}
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
