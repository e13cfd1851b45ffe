// bench/results/latest.json and latest.svg.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { barChart } from './chart.mjs'

const folder = fileURLToPath(new URL('../results', import.meta.url))

/** The scenario whose rates the chart shows. */
const CHARTED = 'hello-64'

const kindOf = (name) =>
  name.startsWith('limit') ? 'limit' : name.startsWith('monodon') ? 'monodon' : 'peer'

function chart(figures, servers, facts) {
  const bars = servers
    .map(({ name, label }) => ({
      label,
      kind: kindOf(name),
      value: figures.value(CHARTED, name, 'rate'),
      ratio: figures.ratio(CHARTED, 'rate', name, 'node-http'),
    }))
    .filter(({ value }) => value !== undefined)
    .sort((a, b) => b.value - a.value)
    .map((bar) => ({
      ...bar,
      text:
        Math.round(bar.value).toLocaleString('en-US') +
        (bar.ratio === undefined ? '' : ` (${bar.ratio.toFixed(2)} x node:http)`),
    }))
  if (bars.length === 0) return undefined
  return barChart(
    'hello, 64 connections, one core: requests/s',
    bars,
    `${facts.machine.processor}, one core for the server; Node ${facts.versions.node}; ${facts.date.slice(0, 10)}`,
  )
}

/**
 * Writes the results.
 *
 * @returns {string[]} the files' paths
 */
export function writeResults({ facts, plan, campaign, figures, trials, verdicts }) {
  // A chart of an earlier run beside this run's figures would mislead.
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const scenarios = plan.scenarios.map((scenario) => ({
    ...scenario,
    servers: Object.fromEntries(campaign.series.get(scenario.name) ?? []),
  }))
  const results = {
    ...facts,
    rounds: plan.rounds,
    seconds: plan.seconds,
    units: { cpu: 'us/request', jsCpu: 'us/request', p50: 'us', p99: 'us', memory: 'bytes' },
    skipped: campaign.skipped,
    scenarios,
    trials,
    verdicts,
  }
  const svg = chart(figures, plan.servers, facts)
  const files = [
    ['latest.json', `${JSON.stringify(results, null, 2)}\n`],
    ...(svg === undefined ? [] : [['latest.svg', svg]]),
  ]
  return files.map(([name, text]) => {
    writeFileSync(join(folder, name), text)
    return `bench/results/${name}`
  })
}
