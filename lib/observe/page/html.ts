/** The status page without what fills it: its parts, empty, in the order in which they are read. */

export interface PageParts {
  readonly style: string
  readonly script: string
}

/** The whole page. It needs nothing but itself and `status.json` beside it. */
export function htmlOf({ style, script }: PageParts): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>monodon</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the figures</a>
<header>
<div class="names">
<h1>monodon</h1>
<p id="app"></p>
</div>
<p id="server"></p>
<div class="live">
<p id="connection" role="status"></p>
<button type="button" id="pause" aria-pressed="false">Pause</button>
</div>
</header>
<main id="main" tabindex="-1">
<noscript><p>This page is drawn by a script. The figures are also at <a href="status.json">status.json</a>,
and <code>monodon top</code> shows them in a terminal.</p></noscript>
<section aria-labelledby="rate-title" class="card">
<h2 id="rate-title">Requests</h2>
<div class="rate">
<dl id="figures"></dl>
<figure>
<svg id="chart" viewBox="0 0 600 120" preserveAspectRatio="none" role="img" aria-label="Requests a second"></svg>
<figcaption><span id="chart-span"></span><span id="chart-top"></span></figcaption>
</figure>
</div>
</section>
<section aria-labelledby="lives-title" class="card">
<h2 id="lives-title">The life of a request</h2>
<p class="lead" id="lives-lead"></p>
<div id="usual"></div>
<ol id="lives" class="lives"></ol>
<button type="button" id="more" hidden></button>
</section>
<section aria-labelledby="workers-title" class="card">
<h2 id="workers-title">Workers</h2>
<div id="workers" class="scroll" role="region" aria-labelledby="workers-title" tabindex="0"></div>
</section>
<section aria-labelledby="latency-title" class="card half">
<h2 id="latency-title">Latency</h2>
<div id="latency"></div>
<p class="note">Of the last 10 seconds. Queue: until a worker takes the request. App: until the head of
the response. Send: until its last byte is with the kernel.</p>
</section>
<section aria-labelledby="connections-title" class="card half">
<h2 id="connections-title">Connections</h2>
<dl id="connections"></dl>
</section>
<section aria-labelledby="flight-title" class="card">
<h2 id="flight-title">In flight</h2>
<div id="flight" class="scroll" role="region" aria-labelledby="flight-title" tabindex="0"></div>
</section>
<section aria-labelledby="errors-title" class="card">
<h2 id="errors-title">Last errors</h2>
<ol id="errors" class="errors"></ol>
</section>
</main>
<footer><p>The same as JSON: <a href="status.json">status.json</a>. In a terminal: <code>monodon top</code>,
<code>monodon trace</code>.</p></footer>
<script type="module">${script}</script>
</body>
</html>
`
}
