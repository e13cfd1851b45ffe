// The load generators. Each gives requests, seconds, p50 and p99 in microseconds, and how many
// requests failed.
import { fileURLToPath } from 'node:url'
import { provide } from '../install.mjs'
import { installed, runLoad } from '../processes.mjs'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
/** Over TLS for the protocols whose name ends with an s. */
const url = ({ protocol = 'h1', port, request: { path } }) =>
  `${['h1s', 'h2s'].includes(protocol) ? 'https' : 'http'}://127.0.0.1:${port}${path}`
const lastLine = (text) => JSON.parse(text.trim().split('\n').at(-1))

/** @typedef {{ port: number, protocol?: string, request: import('../requests.mjs').Request, connections: number, streams?: number, seconds: number }} Load */

async function wrk(load, onStart) {
  const { request, connections, seconds } = load
  const { method = 'GET', body, headers = {} } = request
  const fields = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const own = body ? [method, String(body.length)] : [method]
  const output = await runLoad(
    'wrk',
    [
      ...['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '5s', ...fields],
      ...['-s', here('report.lua'), url(load), '--', ...own],
    ],
    onStart,
  )
  return lastLine(output)
}

async function autocannon(load, onStart) {
  const { request, connections, seconds } = load
  const { method = 'GET', body = '', headers = {} } = request
  const args = [url(load), connections, seconds, method, body, JSON.stringify(headers)]
  return lastLine(
    await runLoad(process.execPath, [here('autocannon.mjs'), ...args.map(String)], onStart),
  )
}

async function h2load(load, onStart) {
  const { connections, streams, seconds } = load
  const output = await runLoad(
    'h2load',
    ['-t1', `-c${connections}`, `-m${streams}`, `-D${seconds}`, url(load)],
    onStart,
  )
  const [, succeeded] = /(\d+) succeeded/.exec(output)
  const [, failed] = /(\d+) failed/.exec(output)
  const [, redirects, clientErrors, serverErrors] = /\d+ 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/.exec(
    output,
  )
  return {
    requests: Number(succeeded),
    seconds,
    // h2load prints no percentiles.
    p50: undefined,
    p99: undefined,
    failed: [failed, redirects, clientErrors, serverErrors].map(Number).reduce((a, b) => a + b),
  }
}

async function sockets({ port, request, connections, seconds }, onStart) {
  const args = [port, connections, seconds, request.message.length]
  return lastLine(await runLoad(await provide('sockets'), args.map(String), onStart))
}

/** What it counts are handshakes. */
async function handshakes({ port, connections, seconds }, onStart) {
  const args = [port, connections, seconds]
  return lastLine(await runLoad(await provide('handshakes'), args.map(String), onStart))
}

export const GENERATORS = { wrk, autocannon, h2load, sockets, handshakes }

/** Those that need nothing to be installed. */
const OWN = ['autocannon', 'sockets', 'handshakes']

/** Which generator a scenario gets here: its own, or autocannon in wrk's place. */
export function generatorFor(scenario) {
  if (OWN.includes(scenario.generator) || installed(scenario.generator)) {
    return scenario.generator
  }
  return scenario.generator === 'wrk' ? 'autocannon' : undefined
}
