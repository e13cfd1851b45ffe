// npm test: the Rust tests, the TypeScript tests, and those that depend on Node's version on the
// other Node versions that are supported.
//
//     npm test                          everything
//     npm test -- test/faults -t queue  vitest alone, with these arguments
//
// With CI set in the environment nothing may be skipped.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { nodeBinary, OTHER_RELEASES } from './nodes.mjs'
import { Failure, root, run, script } from './project.mjs'

const VITEST = join(root, 'node_modules/vitest/vitest.mjs')
/** What leans on Node's own modules, loaders and classes. */
const NODE_DEPENDENT = [
  'test/cli',
  'test/conformance/routes',
  'test/dev/error-page',
  'test/dev/reload.test',
  'test/frameworks',
  'test/interface',
  'test/programs',
  'test/worker',
]

/** What a failure shows at the end of the run; the whole of it stands where it happened. */
const SHOWN_LINES = 12

/**
 * @typedef {{ passed: number, failed: number, skipped: number, failures: string[] }} Counts
 * @typedef {Counts & { name: string }} Outcome
 */

/** A run that could not end as it should counts as a failure, whatever its tests said. */
function outcome(name, code, counts) {
  const bad = code !== 0 && counts.failed === 0
  const failures = bad ? [`ended with exit code ${code}, without a failed test`] : counts.failures
  return { ...counts, name, failed: bad ? 1 : counts.failed, failures }
}

/** @returns {Promise<Outcome>} */
async function rust() {
  let output = ''
  const code = await run('cargo', ['test', '--workspace', '--no-fail-fast'], {
    onText: (text) => {
      output += text
    },
  })
  const results = output.matchAll(/^test result: .* (\d+) passed; (\d+) failed; (\d+) ignored/gm)
  const sums = [0, 0, 0]
  for (const [, ...counts] of results) {
    for (const [i, count] of counts.entries()) sums[i] += Number(count)
  }
  const [passed, failed, skipped] = sums
  const failures = [...output.matchAll(/^test (.*) \.\.\. FAILED/gm)].map(([, test]) => test)
  return outcome('Rust', code, { passed, failed, skipped, failures })
}

/** @returns {Promise<Outcome>} */
async function vitest(name, node, args) {
  const folder = mkdtempSync(join(tmpdir(), 'monodon-test-'))
  const report = join(folder, 'report.json')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  try {
    const code = await run(node, [VITEST, 'run', ...reporters, ...args])
    return outcome(name, code, countsOf(report))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** @returns {Counts} */
function countsOf(report) {
  let counted
  try {
    counted = JSON.parse(readFileSync(report, 'utf8'))
  } catch {
    return { passed: 0, failed: 1, skipped: 0, failures: ['vitest ended without a report'] }
  }
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = counted
  const failures = testResults.flatMap(failuresOf)
  return {
    passed: numPassedTests,
    // A file that cannot be loaded has no tests that could fail.
    failed: numFailedTests + testResults.filter(isBroken).length,
    skipped: numPendingTests + numTodoTests,
    failures,
  }
}

const isBroken = ({ status, assertionResults }) =>
  status === 'failed' && assertionResults.length === 0

/** The failures of a file of tests: which test, and what it said. */
function failuresOf(result) {
  const file = relative(root, result.name)
  if (isBroken(result)) return [withMessage(file, result.message)]
  return result.assertionResults
    .filter(({ status }) => status === 'failed')
    .map((test) =>
      withMessage([file, ...test.ancestorTitles, test.title].join(' > '), ...test.failureMessages),
    )
}

function withMessage(title, ...messages) {
  const lines = messages.join('\n').split('\n').slice(0, SHOWN_LINES)
  return [title, ...lines.map((line) => `    ${line}`)].join('\n')
}

/** @returns {Promise<Outcome>} */
async function onRelease(release) {
  const name = `TypeScript on Node ${release}`
  let node
  try {
    node = await nodeBinary(release)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    console.error(`monodon: no tests on Node ${release}: ${error.message}`)
    return { name, passed: 0, failed: 0, skipped: 1, failures: [] }
  }
  return vitest(name, node, NODE_DEPENDENT)
}

function summary(outcomes) {
  const width = Math.max(...outcomes.map(({ name }) => name.length))
  const line = ({ name, passed, failed, skipped }) =>
    `${name.padEnd(width)}  ${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
  for (const { name, failures } of outcomes) {
    for (const failure of failures) console.log(`\nFAILED on ${name}: ${failure}`)
  }
  console.log(`\n${outcomes.map(line).join('\n')}`)

  const sum = (key) => outcomes.reduce((total, row) => total + row[key], 0)
  const skippedCount = sum('skipped') > 0 && process.env.CI ? sum('skipped') : 0
  if (skippedCount > 0) console.log(`${skippedCount} skipped count as failed: CI is set`)
  const failed = sum('failed') + skippedCount
  console.log(`\n${sum('passed')} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

async function main(args) {
  const here = `TypeScript on Node ${process.versions.node}`
  if (args.length > 0) return summary([await vitest(here, process.execPath, args)])
  const outcomes = [await rust(), await vitest(here, process.execPath, [])]
  for (const release of OTHER_RELEASES) outcomes.push(await onRelease(release))
  return summary(outcomes)
}

await script(main)
