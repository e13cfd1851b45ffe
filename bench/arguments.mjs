// The command line of the benchmark.
import { parseArgs } from 'node:util'
import { SCENARIOS } from './scenarios.mjs'
import { SERVERS } from './servers.mjs'
import { TRIALS } from './trials.mjs'

const names = (rows) => rows.map(({ name }) => name)

export const HELP = `Usage: npm run bench -- [options]

Measures monodon beside its peers and beside the raw limit of its HTTP stack.

  --quick           within three minutes: monodon, node:http, Hono and the limit
  --dev             within a minute, for tuning: hello at 64, 8 and 1 connections,
                    monodon fetch, node:http and the limit; writes no files
  --only a,b        these servers, scenarios or trials (a name of each kind narrows
                    that kind; what ratios are taken of always runs beside them)
  --rounds N        interleaved rounds, every second one in reverse order (default 4)
  --seconds N       seconds of a measurement (default 2)
  --help            this text

Servers:   ${names(SERVERS).join(' ')}
Scenarios: ${names(SCENARIOS).join(' ')}
Trials:    ${TRIALS.join(' ')}

Needs Linux with two cores and taskset. With wrk and h2load installed they make the
load; without them autocannon does, and HTTP/2 and Gunicorn sync are skipped.`

/** Even, so that both orders of a round are measured as often. */
const ROUNDS = 4

const QUICK = {
  servers: ['limit', 'monodon-fetch', 'monodon-wsgi', 'node-http', 'hono'],
  scenarios: ['hello-64', 'hello-8', 'json', 'large'],
  trials: [],
  rounds: 2,
  seconds: 1,
}
const DEV = {
  servers: ['limit', 'monodon-fetch', 'node-http'],
  scenarios: ['hello-64', 'hello-8', 'hello-1'],
  trials: [],
  rounds: 1,
  seconds: 3,
}
const FULL = {
  servers: names(SERVERS),
  scenarios: names(SCENARIOS),
  trials: TRIALS,
  rounds: ROUNDS,
  seconds: 2,
}

/** What ratios are taken of. */
const REFERENCES = [
  'limit',
  'limit-h2',
  'node-http',
  'node-http2',
  'node-https',
  'node-http2-tls',
  'gunicorn-sync-flask',
  'gunicorn-sync-flask-file',
  'ws',
  'nginx-static',
  'express-compression',
]

/** A fault in the arguments: shown without a stack. */
export class UsageError extends Error {}

function positive(text, flag, otherwise) {
  if (text === undefined) return otherwise
  if (!/^[1-9]\d{0,3}$/.test(text))
    throw new UsageError(`${flag} takes a number from 1, not ${text}`)
  return Number(text)
}

/** Narrows each kind of which `only` names something. */
function narrow(plan, only) {
  const known = new Set([...FULL.servers, ...FULL.scenarios, ...FULL.trials])
  const unknown = only.find((name) => !known.has(name))
  if (unknown !== undefined) throw new UsageError(`--only: there is no ${unknown}`)
  const chosen = (kind) => FULL[kind].filter((name) => only.includes(name))
  const servers = chosen('servers')
  const scenarios = chosen('scenarios')
  const trials = chosen('trials')
  return {
    ...plan,
    servers: servers.length
      ? names(SERVERS).filter((name) => [...servers, ...REFERENCES].includes(name))
      : plan.servers,
    // Naming only trials asks for no scenario, and the other way round.
    scenarios: scenarios.length || trials.length ? scenarios : plan.scenarios,
    trials: scenarios.length || trials.length ? trials : servers.length ? [] : plan.trials,
  }
}

/**
 * @returns {{ help: true } | { help: false, write: boolean, servers: object[], scenarios: object[], trials: string[], rounds: number, seconds: number }}
 * @throws {UsageError}
 */
export function parse(argv) {
  let values
  try {
    ;({ values } = parseArgs({
      args: argv,
      options: {
        quick: { type: 'boolean', default: false },
        dev: { type: 'boolean', default: false },
        only: { type: 'string', default: '' },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }))
  } catch (error) {
    throw new UsageError(error.message)
  }
  if (values.help) return { help: true }
  const base = values.dev ? DEV : values.quick ? QUICK : FULL
  const only = values.only
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean)
  const plan = only.length ? narrow(base, only) : base
  return {
    help: false,
    write: !values.dev,
    servers: SERVERS.filter(({ name }) => plan.servers.includes(name)),
    scenarios: SCENARIOS.filter(({ name }) => plan.scenarios.includes(name)),
    trials: plan.trials,
    rounds: positive(values.rounds, '--rounds', plan.rounds),
    seconds: positive(values.seconds, '--seconds', plan.seconds),
  }
}
