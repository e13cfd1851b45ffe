#!/usr/bin/env node
// npm run bench: monodon, its peers and the limit, measured in one run. See docs/benchmarks.md.
import { existsSync } from 'node:fs'
import { HELP, parse, UsageError } from './arguments.mjs'
import { Campaign } from './campaign.mjs'
import { Figures } from './figures.mjs'
import { generatorFor } from './load/generators.mjs'
import { cores, installed, moveToLoadCore } from './processes.mjs'
import { facts } from './report/facts.mjs'
import { writeResults } from './report/files.mjs'
import {
  answersTable,
  balanceTable,
  costsTable,
  downloadTable,
  memoryTable,
  overloadTable,
  reloadTable,
  scenarioTable,
  slowClientsTable,
  slowPeerTable,
  startTable,
  verdictTable,
} from './report/text.mjs'
import { takesPart } from './scenarios.mjs'
import { runTrials } from './trials.mjs'
import { verdicts } from './verdicts.mjs'

const say = (line) => console.error(line)

/** Why this machine cannot run the benchmark; undefined when it can. */
function obstacle() {
  if (process.platform !== 'linux') return 'it reads /proc and runs on Linux only'
  if (!existsSync(`/proc/self/task/${process.pid}/children`)) {
    return 'its kernel does not tell the children of a process (CONFIG_PROC_CHILDREN)'
  }
  if (!installed('taskset')) return 'taskset is missing (package util-linux)'
  if (cores.server === cores.load) return 'it needs two cores, one for the server, one for the load'
}

/** The launcher of each server that takes part, or the error that says why there is none. */
async function prepare({ servers, scenarios }) {
  const prepared = new Map()
  const takingPart = (server) => scenarios.some((scenario) => takesPart(server, scenario))
  for (const server of servers.filter(takingPart)) {
    prepared.set(server.name, await server.prepare().catch((error) => error))
  }
  return prepared
}

/** Prints what a trial has found of each server, if it was made. */
function printTrial(found, title, table) {
  if (Object.keys(found).length > 0) console.log(`\n${title}\n\n${table(found)}`)
}

function printReport(plan, campaign, figures, trials, list) {
  for (const scenario of plan.scenarios.filter(({ name }) => campaign.series.has(name))) {
    console.log(`\n${scenario.title} (by ${generatorFor(scenario)})\n`)
    console.log(scenarioTable(figures, scenario, plan.servers))
  }
  printTrial(
    trials.slowPeer,
    'growth of resident memory over 200 MB with a slow peer',
    slowPeerTable,
  )
  if (trials.blocking) {
    const { p50, p99, max, light, blocked } = trials.blocking
    console.log(
      `\ntwo workers, one route blocks its event loop for 200 ms (${blocked} times)\n\n` +
        `  light route: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, max ${max.toFixed(1)} ms (${light} requests)`,
    )
  }
  printTrial(
    trials.balance,
    'four workers, one request in a hundred computes for 100 ms: the others',
    balanceTable,
  )
  printTrial(trials.overload, 'one worker, at shares of the load that it can bear', overloadTable)
  printTrial(
    trials.reload,
    'four workers of an Express app: from HUP until all are new',
    reloadTable,
  )
  printTrial(trials.memory, 'memory of four workers of an Express app', memoryTable)
  printTrial(trials['slow-clients'], 'a client beside 2,000 slow ones', slowClientsTable)
  printTrial(trials['static-1g'], 'a download of a file of 1 GB', downloadTable)
  printTrial(trials.start, 'from nothing to the first answer', startTable)
  printTrial(trials.costs, 'what options cost: the rate with them, of that without', costsTable)
  printTrial(trials.answers, 'how long who looks at a server in need waits', answersTable)
  const failures = [...campaign.series].flatMap(([scenario, ofServers]) =>
    [...ofServers]
      .filter(([, series]) => series.failed !== undefined)
      .map(([server, series]) => ({ name: `${server}, ${scenario}`, reason: series.failed })),
  )
  const missing = [...campaign.skipped, ...failures, ...trials.failed]
  if (missing.length > 0) {
    console.log('\nwithout a figure\n')
    for (const { name, reason } of missing) console.log(`  ${name}: ${reason}`)
  }
  if (list.length > 0) console.log(`\n${verdictTable(list)}`)
}

async function main(argv) {
  const plan = parse(argv)
  if (plan.help) return console.log(HELP)
  const why = obstacle()
  if (why !== undefined) throw new UsageError(`this machine cannot run the benchmark: ${why}`)

  const prepared = await prepare(plan)
  moveToLoadCore()
  const campaign = new Campaign(plan.servers, plan.scenarios, say)
  say(`the servers run on core ${cores.server}, the load on core ${cores.load}`)
  await campaign.start(prepared)
  await campaign.run(plan.rounds, plan.seconds)
  const trials = await runTrials(plan.trials, plan.rounds, say)

  const figures = new Figures(campaign.series)
  // A line that this plan does not measure says nothing: only a full run shows the gaps.
  const all = verdicts(figures, trials)
  const list = argv.length === 0 ? all : all.filter(({ verdict }) => verdict !== 'not measured')
  printReport(plan, campaign, figures, trials, list)
  if (plan.write) {
    const written = writeResults({
      facts: facts(argv),
      ...{ plan, campaign, figures, trials, verdicts: list },
    })
    console.log(`\nwritten: ${written.join(', ')}`)
  }
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(`bench: ${error.message}`)
  process.exitCode = 2
}
