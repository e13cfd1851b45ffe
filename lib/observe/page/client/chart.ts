/** The curve of requests a second. */

import { rate } from '../../view/text.ts'
import { byId, setText } from './dom.ts'

const SVG = 'http://www.w3.org/2000/svg'
const WIDTH = 600
const HEIGHT = 120
/** Seconds from the left end to the right one. */
const SPAN = 120

/** Draws the rates, the newest of which is at the right. */
export function showChart(rates: readonly number[]): void {
  const top = Math.max(...rates, 0)
  const step = WIDTH / (SPAN - 1)
  const points = rates.map((value, index) => {
    const x = WIDTH - (rates.length - 1 - index) * step
    const y = top === 0 ? HEIGHT : HEIGHT - (value / top) * HEIGHT
    return `${x.toFixed(1)},${y.toFixed(1)}`
  })
  const first = (WIDTH - (rates.length - 1) * step).toFixed(1)
  shape('line', 'floor', { x1: '0', x2: `${WIDTH}`, y1: `${HEIGHT}`, y2: `${HEIGHT}` })
  const area = points.length < 2 ? '' : `${first},${HEIGHT} ${points.join(' ')} ${WIDTH},${HEIGHT}`
  shape('polygon', 'area', { points: area })
  shape('polyline', 'curve', { points: points.length < 2 ? '' : points.join(' ') })
  const now = rates.at(-1)
  const said =
    now === undefined
      ? 'Requests a second: no figures yet'
      : `Requests a second: ${rate(now)} now, ${rate(top)} at most in the last ${SPAN} s`
  byId('chart').setAttribute('aria-label', said)
  setText(byId('chart-span'), `last ${SPAN} s`)
  setText(byId('chart-top'), now === undefined ? '' : `at most ${rate(top)}/s`)
}

function shape(tag: string, name: string, attributes: Readonly<Record<string, string>>): void {
  const chart = byId('chart')
  const element =
    chart.querySelector(`.${name}`) ?? chart.appendChild(document.createElementNS(SVG, tag))
  element.setAttribute('class', name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
}
