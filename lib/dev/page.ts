/** The page about a failure, for browsers. It needs nothing but itself. */

import { printable } from '../log.ts'
import type { Failure, Fault } from './failure.ts'
import type { Sources } from './source.ts'
import { type Frame, shownPlace } from './stack.ts'
import { STYLE } from './style.ts'

/** Frames of the app that are shown with the code around them. */
const SHOWN_FRAMES = 4

/** The HTML of a failure. */
export function htmlPage({ status, reason, request, chain, versions, sources }: Failure): string {
  const { method, target, httpVersion, fields } = request
  const title = `${status} ${reason}: ${headline(chain[0]!)}`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title.split('\n', 1)[0]!)}</title>
<style>
${STYLE}
</style>
</head>
<body>
<main>
<p class="dim">${status} ${escaped(reason)} <code>${escaped(`${method} ${target}`)}</code></p>
${chain.map((fault, index) => faultSection(fault, index, sources)).join('\n')}
<details>
<summary>Request</summary>
<table>
${row('', `${method} ${target} HTTP/${httpVersion}`)}
${fields.map(([name, value]) => row(name, value)).join('\n')}
</table>
</details>
<footer class="dim">${versions.map((version) => escaped(version.join(' '))).join(', ')}. This page is there because of <code>--dev</code>.</footer>
</main>
</body>
</html>
`
}

function faultSection(fault: Fault, index: number, sources: Sources): string {
  const [first = '', ...more] = headline(fault).split('\n')
  const heading =
    index === 0 ? `<h1>${escaped(first)}</h1>` : `<h2>Caused by ${escaped(first)}</h2>`
  const code = fault.code === '' ? '' : `<code>${escaped(fault.code)}</code> `
  const hint = fault.hint === '' ? '' : `To do: ${escaped(fault.hint)}`
  const figures = fault.frames
    .filter(({ isOwn }) => isOwn)
    .slice(0, SHOWN_FRAMES)
    .map((frame) => figure(frame, sources))
  return [
    heading,
    more.length === 0
      ? ''
      : `<figure>\n${block(more.map((line) => `<span>${escaped(line)}</span>`))}\n</figure>`,
    code + hint === '' ? '' : `<p>${code}${hint}</p>`,
    ...figures,
    stackDetails(fault.frames),
  ]
    .filter((part) => part !== '')
    .join('\n')
}

function figure({ place, caller }: Frame, sources: Sources): string {
  const excerpt = place && sources.around(place)
  if (place === undefined || excerpt === undefined) return ''
  const lines = excerpt.lines.map((text, offset) => {
    const number = excerpt.first + offset
    const mark = number === place.line ? ' class="here"' : ''
    return `<span${mark}><i>${number}</i>${escaped(text)}</span>`
  })
  const where = `${escaped(shownPlace(place))}${caller === '' ? '' : ` in ${escaped(caller)}`}`
  return `<figure>\n<figcaption>${where}</figcaption>\n${block(lines)}\n</figure>`
}

function stackDetails(frames: readonly Frame[]): string {
  if (frames.length === 0) return ''
  const lines = frames.map(
    (frame) => `<span class="${frame.isOwn ? 'own' : 'dim'}">${escaped(shownFrame(frame))}</span>`,
  )
  return `<details>\n<summary>Stack</summary>\n${block(lines)}\n</details>`
}

function block(lines: readonly string[]): string {
  return `<pre>${lines.join('')}</pre>`
}

function row(name: string, value: string): string {
  return `<tr><th>${escaped(name)}</th><td>${escaped(value)}</td></tr>`
}

/** `TypeError: x is not a function`. */
export function headline({ name, message }: Fault): string {
  if (name === '') return `Thrown: ${message}`
  return message === '' ? name : `${name}: ${message}`
}

/** A frame on one line, with the place in the source as it was written. */
export function shownFrame({ caller, place, text }: Frame): string {
  if (place === undefined) return text
  return caller === '' ? shownPlace(place) : `${caller} (${shownPlace(place)})`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
/** What reorders the text around it, so that code would not read as it is written. */
const BIDI = /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

function escaped(text: string): string {
  return printable(text)
    .replace(BIDI, (char) => `\\u${char.charCodeAt(0).toString(16)}`)
    .replace(/[&<>"']/g, (char) => ENTITIES[char]!)
}
