// The loads, each put on every server that can answer it.

/**
 * @typedef {object} Scenario
 * @property {string} name what `--only` takes
 * @property {string} title
 * @property {keyof typeof import('./requests.mjs').REQUESTS} request
 * @property {'h1' | 'h2' | 'ws' | 'h1s' | 'h2s'} protocol those with `s` over TLS
 * @property {number} connections
 * @property {number} [streams] concurrent streams of a connection (HTTP/2)
 * @property {'wrk' | 'h2load' | 'autocannon' | 'sockets' | 'handshakes'} generator
 * @property {string} [peer] the server that ratios are taken of; node:http without it
 */

const hello = (connections) => ({
  name: `hello-${connections}`,
  title: `hello (text), ${connections} connection${connections === 1 ? '' : 's'}`,
  request: 'hello',
  protocol: 'h1',
  connections,
  generator: 'wrk',
})

/** @type {Scenario[]} */
export const SCENARIOS = [
  hello(64),
  hello(8),
  hello(1),
  hello(512),
  {
    name: 'json',
    title: 'json, 64 connections',
    request: 'json',
    protocol: 'h1',
    connections: 64,
    generator: 'wrk',
  },
  {
    name: 'echo',
    title: 'echo of a POST of 1 KB, 64 connections',
    request: 'echo',
    protocol: 'h1',
    connections: 64,
    generator: 'wrk',
  },
  {
    name: 'stream',
    title: 'stream of 64 x 1 KB, 64 connections',
    request: 'stream',
    protocol: 'h1',
    connections: 64,
    generator: 'wrk',
  },
  {
    name: 'large',
    title: '1 MiB body, 16 connections',
    request: 'large',
    protocol: 'h1',
    connections: 16,
    generator: 'wrk',
  },
  {
    name: 'static-50k',
    title: 'a file of 50 KB, 64 connections',
    request: 'static',
    protocol: 'h1',
    connections: 64,
    generator: 'wrk',
    peer: 'nginx-static',
  },
  {
    name: 'gzip',
    title: '100 KB of JSON by gzip, 64 connections',
    request: 'gzip',
    protocol: 'h1',
    connections: 64,
    generator: 'wrk',
    peer: 'express-compression',
  },
  {
    name: 'zstd',
    title: '100 KB of JSON by zstd (gzip where there is none), 64 connections',
    request: 'zstd',
    protocol: 'h1',
    connections: 64,
    generator: 'wrk',
    peer: 'express-compression',
  },
  {
    name: 'h2',
    title: 'hello over HTTP/2 (prior knowledge), 16 connections x 16 streams',
    request: 'hello',
    protocol: 'h2',
    connections: 16,
    streams: 16,
    generator: 'h2load',
  },
  {
    name: 'tls',
    title: 'hello over TLS 1.3, 64 connections',
    request: 'hello',
    protocol: 'h1s',
    connections: 64,
    generator: 'wrk',
  },
  {
    name: 'tls-h2',
    title: 'hello over TLS 1.3 and HTTP/2, 16 connections x 16 streams',
    request: 'hello',
    protocol: 'h2s',
    connections: 16,
    streams: 16,
    generator: 'h2load',
  },
  {
    name: 'handshakes',
    title: 'full handshakes of TLS 1.3, 16 at a time, a new connection each',
    request: 'hello',
    protocol: 'h1s',
    connections: 16,
    generator: 'handshakes',
  },
  {
    name: 'websocket',
    title: 'WebSocket echo of 64 bytes, 64 connections',
    request: 'websocket',
    protocol: 'ws',
    connections: 64,
    generator: 'sockets',
  },
  {
    name: 'autocannon',
    title: 'hello (text), 64 connections',
    request: 'hello',
    protocol: 'h1',
    connections: 64,
    generator: 'autocannon',
  },
  {
    name: 'flask',
    title: 'hello by Flask, 64 connections',
    request: 'flask',
    protocol: 'h1',
    connections: 64,
    generator: 'wrk',
    peer: 'gunicorn-sync-flask',
  },
  {
    name: 'flask-file',
    title: 'a file of 50 KB by send_file of Flask, 64 connections',
    request: 'flask-file',
    protocol: 'h1',
    connections: 64,
    generator: 'wrk',
    peer: 'gunicorn-sync-flask-file',
  },
]

/** Whether a server takes part in a scenario. */
export const takesPart = (server, scenario) =>
  server.answers.includes(scenario.request) && server.protocols.includes(scenario.protocol)
