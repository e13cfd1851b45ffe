/** How the status page looks. Every pair of colors that text has is at 4.5 to 1 or more. */
export const STATUS_STYLE = `
:root { color-scheme: light dark; --text: #1b1f24; --dim: #57606a; --back: #f4f5f7; --card: #fff;
  --line: #d8dde3; --accent: #0b5cad; --fill: #0b5cad22; --queue: #b35900; --app: #0b5cad; --send: #1a7f4b;
  --good: #1a6b3f; --warn: #8a5300; --bad: #b3261e; --chip: #eef1f4; --focus: #0b5cad }
@media (prefers-color-scheme: dark) { :root { --text: #e6e9ed; --dim: #a0a8b2; --back: #14171a;
  --card: #1d2125; --line: #363c43; --accent: #6cb2ff; --fill: #6cb2ff22; --queue: #f0a04b; --app: #6cb2ff;
  --send: #5fcf94; --good: #5fcf94; --warn: #f0b45c; --bad: #ff8a80; --chip: #2a3036; --focus: #8cc4ff } }
* { box-sizing: border-box }
[hidden] { display: none !important }
body { margin: 0; background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif }
header, main, footer { max-width: 70rem; margin: 0 auto; padding: 0 1rem }
header { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem 1.25rem; padding-top: 1.25rem;
  padding-bottom: 1rem }
.names { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .75rem; min-width: 0 }
h1 { margin: 0; font-size: 1.35rem; letter-spacing: -.01em }
h2 { margin: 0 0 .75rem; font-size: 1rem }
p { margin: 0 } p, li, summary { overflow-wrap: anywhere }
#app { font-weight: 600 } #server { color: var(--dim) }
.live { display: flex; align-items: center; gap: .75rem; margin-left: auto }
#connection::before { content: ''; display: inline-block; width: .6em; height: .6em; margin-right: .5em;
  border-radius: 50%; background: currentColor }
#connection { color: var(--good) } #connection.gone { color: var(--bad); font-weight: 600 }
#connection.still { color: var(--dim) }
button { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--dim);
  border-radius: 6px; padding: .3rem .9rem; min-height: 2.25rem; cursor: pointer }
button:hover { border-color: var(--text) }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; border-radius: 4px }
main { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; align-items: start }
main:focus { outline: none }
.card { grid-column: 1 / -1; background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 1rem; min-width: 0 }
@media (min-width: 46rem) { .half { grid-column: auto; align-self: stretch } }
.skip { position: absolute; left: -999px } .skip:focus { left: 1rem; top: .5rem; background: var(--card);
  padding: .5rem 1rem; z-index: 1 }
a { color: var(--accent) }
.note, .lead, figcaption, .empty { color: var(--dim); font-size: .875rem }
.note { margin-top: .75rem } .lead { margin-bottom: .75rem }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(6.5rem, 1fr)); gap: .75rem 1rem; margin: 0 }
dl > div { min-width: 0 }
dt { color: var(--dim); font-size: .8125rem } dd { margin: 0; font-size: 1.25rem; font-weight: 600;
  line-height: 1.3; font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
dd small { font-size: .8125rem; font-weight: 400; color: var(--dim) }
.rate { display: grid; gap: 1rem } @media (min-width: 46rem) { .rate { grid-template-columns: 2fr 3fr } }
figure { margin: 0; min-width: 0 }
svg { display: block; width: 100%; height: 7.5rem; overflow: visible }
#chart .area { fill: var(--fill) } #chart .curve { fill: none; stroke: var(--accent); stroke-width: 2;
  vector-effect: non-scaling-stroke; stroke-linejoin: round }
#chart .floor { stroke: var(--line); vector-effect: non-scaling-stroke }
figcaption { display: flex; justify-content: space-between; gap: 1rem; margin-top: .25rem }
.scroll { overflow-x: auto } table { border-collapse: collapse; width: 100%;
  font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .35rem 1.25rem .35rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; white-space: nowrap }
tr:last-child > * { border-bottom: 0 } th:last-child, td:last-child { padding-right: 0 }
thead th { color: var(--dim); font-size: .8125rem; font-weight: 500 } tbody th { font-weight: 500 }
.figure { text-align: right }
.request, code { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: .875em }
.request { white-space: normal; overflow-wrap: anywhere; unicode-bidi: isolate; direction: ltr;
  min-width: 12rem } td.request, th.request { width: 100% }
.state { display: inline-block; border-radius: 1em; background: var(--chip); padding: 0 .6em;
  font-size: .875em; white-space: nowrap }
.good { color: var(--good) } .warn { color: var(--warn) } .bad { color: var(--bad) }
.warn, .bad { font-weight: 600 }
.lives, .errors { list-style: none; margin: 0; padding: 0 }
.lives > li + li { border-top: 1px solid var(--line) }
summary { cursor: pointer; padding: .6rem 0; display: grid; gap: .15rem .9rem; align-items: baseline;
  grid-template-columns: auto 1fr auto; list-style: none }
summary::-webkit-details-marker { display: none }
summary::before { content: '+'; color: var(--dim); width: .8em; font-weight: 600 }
details[open] > summary::before { content: '\\2212' }
summary .request { min-width: 0 } summary .took { font-variant-numeric: tabular-nums; font-weight: 600;
  white-space: nowrap }
summary .about { grid-column: 2 / -1; color: var(--dim); font-size: .8125rem }
summary .state { margin-right: .6em } #more { margin-top: .75rem }
summary .bar { grid-column: 2 / -1 }
.bar { display: flex; gap: 1px; height: .5rem; border-radius: 3px; overflow: hidden;
  background: var(--chip) }
.bar > span { flex: 0 1 auto; min-width: 0 }
.queue { background: var(--queue) } .app { background: var(--app) } .send { background: var(--send) }
.key { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; margin: .5rem 0 .75rem;
  padding: 0; font-size: .875rem }
.key i { display: inline-block; width: .75em; height: .75em; border-radius: 2px; margin-right: .45em }
.steps { margin: .25rem 0 .75rem; table-layout: fixed } .steps tbody th { white-space: normal }
.steps th:first-child { width: 34% } .steps .at { width: 12% }
.steps .changed { outline: 1.5px solid var(--accent) }
.errors li { padding: .45rem 0; border-top: 1px solid var(--line); display: grid;
  grid-template-columns: auto 1fr; gap: 0 .9rem } .errors li:first-child { border-top: 0 }
.errors .text { grid-column: 1 / -1; white-space: pre-wrap; overflow-wrap: anywhere;
  max-height: 9em; overflow-y: auto }
time { color: var(--dim); font-size: .875rem; white-space: nowrap }
footer { padding-top: 1rem; padding-bottom: 2rem; color: var(--dim); font-size: .875rem }
@media (max-width: 34rem) {
  header { gap: .5rem } .live { margin-left: 0; width: 100%; justify-content: space-between }
  dl { grid-template-columns: repeat(2, 1fr) }
  th, td { padding-right: .75rem }
  .steps, .steps thead, .steps tbody { display: block }
  .steps tr { display: grid; grid-template-columns: minmax(0, 1.36fr) minmax(0, 1.2fr) minmax(0, .8fr); gap: .15rem .5rem;
    padding: .5rem 0; border-bottom: 1px solid var(--line) }
  .steps tr:last-child { border-bottom: 0 } .steps th, .steps td { border: 0; padding: 0 }
  .steps thead tr { padding: 0 } .steps thead th:first-child, .steps thead .at { position: absolute;
    clip-path: inset(50%); width: 1px; overflow: hidden }
  .steps tbody th:first-child { grid-column: 1 / -1; width: auto }
  .steps.timed tbody th:first-child { grid-column: 1 / 3 } .steps tbody .at { grid-area: 1 / 3; width: auto }
  .steps .state { font-size: .75rem; padding: 0 .4em }
}
@media (prefers-reduced-motion: no-preference) { .bar > span { transition: flex-basis .3s } }
@media (forced-colors: active) { .bar > span { forced-color-adjust: none } }
`.trim()
