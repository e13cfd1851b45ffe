// A bar chart as SVG, readable on a light and on a dark page.

const WIDTH = 860
const LABEL = 250
const BAR = 22
const GAP = 10
const MARGIN = 24
const FIGURE = 190

const escapeText = (text) =>
  text.replace(/[&<>]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[sign])

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 }
  .small { font-size: 12px; fill: #59636e }
  .monodon { fill: #1a7f5a } .peer { fill: #8a94a0 } .limit { fill: #c9a227 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9aa4af }
    .monodon { fill: #3fbf8f } .peer { fill: #6b7682 } .limit { fill: #d9b843 }
  }`

/**
 * @param {string} title
 * @param {{ label: string, value: number, text: string, kind: 'monodon' | 'peer' | 'limit' }[]} bars
 * @param {string} footnote
 * @returns {string} an SVG document
 */
export function barChart(title, bars, footnote) {
  const top = MARGIN + 24
  const height = top + bars.length * (BAR + GAP) + MARGIN
  const longest = Math.max(...bars.map(({ value }) => value))
  const space = WIDTH - LABEL - FIGURE - MARGIN
  const rows = bars.map(({ label, value, text, kind }, index) => {
    const y = top + index * (BAR + GAP)
    const width = Math.max(1, (value / longest) * space).toFixed(1)
    const middle = y + BAR / 2 + 4.5
    return [
      `<text x="${LABEL - 10}" y="${middle}" text-anchor="end">${escapeText(label)}</text>`,
      `<rect class="${kind}" x="${LABEL}" y="${y}" width="${width}" height="${BAR}" rx="3"/>`,
      `<text x="${LABEL + Number(width) + 8}" y="${middle}">${escapeText(text)}</text>`,
    ].join('\n  ')
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeText(title)}">
  <style>${STYLE}
  </style>
  <text class="title" x="${MARGIN}" y="${MARGIN + 4}">${escapeText(title)}</text>
  ${rows.join('\n  ')}
  <text class="small" x="${MARGIN}" y="${height - 10}">${escapeText(footnote)}</text>
</svg>
`
}
