// What monodon must reach, each line with what this run measured.

const times = (value) => `${value.toFixed(2)} x`
const share = (value) => value.toFixed(3)
const MB = 1024 * 1024

/**
 * @typedef {object} Verdict
 * @property {string} claim
 * @property {string} asked
 * @property {string} measured
 * @property {'reached' | 'missed' | 'not measured'} verdict
 */

/** @returns {Verdict} */
function judge(claim, measured, { least, most, below }, format) {
  const bound = least ?? most ?? below
  const asked = `${least !== undefined ? 'at least' : most !== undefined ? 'at most' : 'under'} ${format(bound)}`
  if (measured === undefined) return { claim, asked, measured: '-', verdict: 'not measured' }
  const reached =
    least !== undefined
      ? measured >= least
      : most !== undefined
        ? measured <= most
        : measured < below
  return { claim, asked, measured: format(measured), verdict: reached ? 'reached' : 'missed' }
}

/** How a server is watched. */
const WATCHED = {
  'monodon-watched': 'metrics and status asked each second',
  'monodon-told': 'with statsd and Server-Timing, too',
  'monodon-traced-1': 'all of it, with spans of 1 %',
  'monodon-traced': 'all of it, with spans of each request',
}

/** The p99 of who has waited longest of those who look at a server. */
const slowestLook = (byWho) => byWho && Math.max(...Object.values(byWho).map(({ p99 }) => p99))

/**
 * @param {import('./figures.mjs').Figures} figures
 * @param {{ slowPeer: Record<string, { download: number, upload: number }>, blocking?: { p99: number }, balance: object, overload: object, memory: object, 'slow-clients': object, 'static-1g': object, answers: object, start: object, costs: object }} trials
 * @returns {Verdict[]}
 */
export function verdicts(figures, trials) {
  const { slowPeer, blocking, balance, overload, memory } = trials
  const js = (server, other) => figures.ratio('hello-64', 'jsCpu', server, other)
  const rate = (scenario, other, server = 'monodon-fetch') =>
    figures.ratio(scenario, 'rate', server, other)
  // Finer than what the rounds of a campaign show.
  const cost = (server) => trials.costs[server]?.ratio ?? rate('hello-64', 'monodon-fetch', server)
  const framework = (name, peer, scenario, least) =>
    judge(
      `${name}, ${scenario}, of the same app on ${peer}`,
      rate(scenario, name.toLowerCase(), `monodon-${name.toLowerCase()}`),
      { least },
      times,
    )
  const frameworkCpu = (name, peer, most) =>
    judge(
      `JS thread CPU, ${name}, of the same app on ${peer}`,
      js(`monodon-${name.toLowerCase()}`, name.toLowerCase()),
      { most },
      share,
    )
  const python = (other) => rate('hello-64', other, 'monodon-python')
  const flask = (other) => rate('flask', `${other}-flask`, 'monodon-flask')
  const megabytes = (value) => `${value.toFixed(0)} MB`
  const bytes = (value) => `${value.toLocaleString('en-US')} bytes`
  const milliseconds = (value) => `${value.toFixed(1)} ms`
  const divided = (value, by) => (value === undefined || by === undefined ? undefined : value / by)
  const { 0.8: bearable, 1: full, 4: overloaded } = overload.monodon ?? {}
  const grown = Object.entries(slowPeer)
    .filter(([server]) => server.startsWith('monodon'))
    .flatMap(([server, { download, upload }]) => [
      [`memory over a slow download of 200 MB, ${server}`, download],
      [`memory over a slow upload of 200 MB, ${server}`, upload],
    ])
  return [
    judge(
      'JS thread CPU, fetch, of node:http',
      js('monodon-fetch', 'node-http'),
      { most: 1 / 12 },
      share,
    ),
    judge(
      'JS thread CPU, fetch, of uWebSockets.js',
      js('monodon-fetch', 'uws'),
      { most: 1 / 6 },
      share,
    ),
    judge(
      'JS thread CPU, wsgi, of node:http',
      js('monodon-wsgi', 'node-http'),
      { most: 1 / 10 },
      share,
    ),
    judge('64 connections, of the limit', rate('hello-64', 'limit'), { least: 0.9 }, times),
    judge('64 connections, of node:http', rate('hello-64', 'node-http'), { least: 1.8 }, times),
    judge('64 connections, of uWebSockets.js', rate('hello-64', 'uws'), { least: 1 }, times),
    judge('64 connections, of Bun', rate('hello-64', 'bun'), { least: 1 }, times),
    judge('64 connections, of Deno', rate('hello-64', 'deno'), { least: 1 }, times),
    judge(
      '64 connections with an access log, of without',
      cost('monodon-logged'),
      { least: 0.95 },
      times,
    ),
    ...Object.entries(WATCHED).map(([server, how]) =>
      judge(`64 connections, ${how}, of all off`, cost(server), { least: 0.97 }, times),
    ),
    judge('8 connections, of Bun', rate('hello-8', 'bun'), { least: 1 }, times),
    judge('8 connections, of node:http', rate('hello-8', 'node-http'), { least: 1.4 }, times),
    judge(
      '1 connection, p50 of node:http',
      figures.ratio('hello-1', 'p50', 'monodon-fetch', 'node-http'),
      { most: 1.15 },
      times,
    ),
    judge('512 connections, of the limit', rate('hello-512', 'limit'), { least: 0.85 }, times),
    judge('HTTP/2, of node:http2', rate('h2', 'node-http2'), { least: 3 }, times),
    judge('TLS, of node:https', rate('tls', 'node-https', 'monodon-tls'), { least: 1.8 }, times),
    judge(
      'TLS and HTTP/2, of node:http2',
      rate('tls-h2', 'node-http2-tls', 'monodon-tls'),
      { least: 3 },
      times,
    ),
    judge(
      'full TLS handshakes, of node:https',
      rate('handshakes', 'node-https', 'monodon-tls'),
      { least: 1 },
      times,
    ),
    judge(
      'file of 50 KB, of nginx',
      rate('static-50k', 'nginx-static', 'monodon-static'),
      { least: 0.9 },
      times,
    ),
    judge(
      'file of 50 KB, of express.static',
      rate('static-50k', 'express-static', 'monodon-static'),
      { least: 5 },
      times,
    ),
    judge('1 MiB body, of the limit', rate('large', 'limit'), { least: 0.9 }, times),
    judge('WSGI in Python, of Gunicorn sync', python('gunicorn-sync'), { least: 14 }, times),
    judge('WSGI in Python, of Granian', python('granian'), { least: 1.1 }, times),
    judge('WSGI in Python, of uWSGI', python('uwsgi'), { least: 2 }, times),
    judge('Flask, of Gunicorn sync', flask('gunicorn-sync'), { least: 2.5 }, times),
    judge('Flask, of Granian', flask('granian'), { least: 1 }, times),
    framework('Express', 'node:http', 'hello-64', 1.5),
    framework('Express', 'node:http', 'json', 1.5),
    frameworkCpu('Express', 'node:http', 0.6),
    framework('Koa', 'node:http', 'hello-64', 1.4),
    framework('Koa', 'node:http', 'json', 1.4),
    frameworkCpu('Koa', 'node:http', 0.5),
    framework('Fastify', 'node:http', 'hello-64', 1.6),
    framework('Fastify', 'node:http', 'json', 1.6),
    frameworkCpu('Fastify', 'node:http', 0.35),
    framework('Hono', '@hono/node-server', 'hello-64', 1.7),
    frameworkCpu('Hono', '@hono/node-server', 1 / 8),
    ...['gzip', 'zstd'].flatMap((coding) => [
      judge(
        `100 KB of JSON by ${coding}, of Express and compression`,
        rate(coding, 'express-compression', 'monodon-compress'),
        { least: 1.5 },
        times,
      ),
      judge(
        `JS thread CPU, ${coding}, of Express and compression`,
        figures.ratio(coding, 'jsCpu', 'monodon-compress', 'express-compression'),
        { most: 1 / 10 },
        share,
      ),
    ]),
    judge(
      'WebSocket echo, of ws on node:http',
      rate('websocket', 'ws', 'monodon-websocket'),
      { least: 3 },
      times,
    ),
    judge(
      'WebSocket echo by ws, of the same program on node:http',
      rate('websocket', 'ws', 'monodon-ws'),
      { least: 1 },
      times,
    ),
    ...grown.map(([claim, bytes]) => judge(claim, bytes / MB, { below: 32 }, megabytes)),
    judge(
      'p99 of a light route beside a blocked worker',
      blocking?.p99,
      { below: 20 },
      milliseconds,
    ),
    judge(
      'p99 beside requests that compute, of node:cluster',
      divided(balance.monodon?.p99, balance['node:cluster']?.p99),
      { most: 1 / 5 },
      share,
    ),
    judge(
      'p99 under 4 times the load, of that at 0.8 times',
      divided(overloaded?.p99, bearable?.p99),
      { most: 2 },
      times,
    ),
    judge(
      'good answers/s under 4 times the load, of the peak',
      divided(overloaded?.rate, full?.rate),
      { least: 0.9 },
      times,
    ),
    judge(
      'memory of 4 thread workers of Express, of node:cluster',
      divided(memory['monodon, threads']?.loaded.once, memory['node:cluster']?.loaded.once),
      { most: 0.6 },
      times,
    ),
    judge(
      'p99 beside 2,000 slow clients, of that without them',
      trials['slow-clients'].monodon?.ratio,
      { most: 2 },
      times,
    ),
    ...['monodon', 'monodon, TLS'].map((server) =>
      judge(
        `memory over a download of 1 GB, ${server}`,
        divided(trials['static-1g'][server]?.grown, MB),
        { below: 8 },
        megabytes,
      ),
    ),
    judge(
      'cold start of a hello app, of node:http',
      trials.start.cold && trials.start.cold.monodon.wall / trials.start.cold['node:http'].wall,
      { most: 1.3 },
      times,
    ),
    judge(
      'npm install (cached) to the first answer',
      trials.start.answer,
      { below: 5000 },
      milliseconds,
    ),
    judge('size of the addon', trials.start.addon?.bytes, { most: 6_000_000 }, bytes),
    ...['every worker hangs', 'four times the load'].map((trouble) =>
      judge(
        `p99 of metrics, status, health, control socket and top, ${trouble}`,
        slowestLook(trials.answers[trouble]),
        { below: 50 },
        milliseconds,
      ),
    ),
  ]
}
