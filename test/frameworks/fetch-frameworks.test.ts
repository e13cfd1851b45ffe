/**
 * Apps of frameworks that have a fetch export, in a worker thread of monodon and on the server that
 * people run them with today: each answer must be the same, but for what is listed with its reason.
 */
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startServer, type TestServer } from '../support/server.ts'
import { ALLOWED, type Allowed, allowed } from './fetch-allowed.ts'
import type { Case, Feature } from './fetch-cases.ts'
import { ask, differences, shown } from './fetch-differ.ts'
import { features as elysiaFeatures } from './fetch-elysia-cases.ts'
import { features as h3Features } from './fetch-h3-cases.ts'
import { features as handlerFeatures } from './fetch-handler-cases.ts'
import { features as honoFeatures } from './fetch-hono-cases.ts'
import { type Reference, type ReferencePackage, startReference } from './fetch-reference.ts'
import { type Outcome, page, type Server } from './fetch-report.ts'

interface Framework extends Server {
  /** Of the file with its app. */
  readonly file: string
  readonly features: readonly Feature[]
  readonly reference: ReferencePackage
}

const FRAMEWORKS: readonly Framework[] = [
  {
    framework: 'Hono',
    package: 'hono',
    reference: '@hono/node-server',
    file: 'fetch-hono-app.ts',
    features: honoFeatures,
  },
  {
    framework: 'h3',
    package: 'h3',
    reference: 'srvx',
    file: 'fetch-h3-app.ts',
    features: h3Features,
  },
  {
    framework: 'Elysia',
    package: 'elysia',
    reference: '@hono/node-server',
    file: 'fetch-elysia-app.ts',
    features: elysiaFeatures,
  },
  {
    framework: 'SvelteKit, React Router',
    reference: 'srvx',
    file: 'fetch-handler-app.ts',
    features: handlerFeatures,
  },
]

const isUpToNode = (row: Allowed) => row.isUpToNode === true
const outcomes: Outcome[] = []
const used = new Set<Allowed>()

describe.each(FRAMEWORKS)('$framework', ({ framework, file, features, ...held }) => {
  describe.each(['fast', 'platform'] as const)('with the %s Response', (responseClass) => {
    let reference: Reference
    let server: TestServer
    beforeAll(async () => {
      reference = await startReference(file, held.reference)
      server = await startServer(`test/frameworks/${file}:app`, { responseClass })
    })
    afterAll(async () => {
      await reference.close()
      await server.close()
    })

    describe.each(features)('$name', ({ name: feature, cases }) => {
      const outcome = outcomeOf(framework, feature)
      test.each(cases)('$name', async (request: Case) => {
        outcome.requests++
        outcome.failures++
        const expected = await ask(reference, request)
        const actual = await ask(server, request)
        const rows = allowed(framework, responseClass, `${feature}: ${request.name}`, expected)
        const [may, must] = [rows.filter(isUpToNode), rows.filter((row) => !isUpToNode(row))]
        const ignored = new Set(may.flatMap((row) => row.parts))
        const found = differences(expected, actual).filter((part) => !ignored.has(part))
        const parts = [...new Set(must.flatMap((row) => row.parts))].sort()
        const texts = `${shown(expected)}\n\n-- on monodon:\n\n${shown(actual)}`
        expect(found, texts).toEqual(parts)
        for (const row of rows) {
          outcome.rows.add(row)
          used.add(row)
        }
        outcome.failures--
      })
    })
  })
})

test('every difference that is allowed was seen', () => {
  expect(ALLOWED.filter((row) => !used.has(row)).map(({ why }) => why)).toEqual([])
})

test('docs/frameworks-fetch.md tells what came of it', async () => {
  const file = fileURLToPath(new URL('../../docs/frameworks-fetch.md', import.meta.url))
  await expect(page(FRAMEWORKS, outcomes)).toMatchFileSnapshot(file)
})

/** One for both classes of `Response`. */
function outcomeOf(framework: string, feature: string): Outcome {
  const known = outcomes.find((row) => row.framework === framework && row.feature === feature)
  if (known !== undefined) return known
  const outcome = { framework, feature, requests: 0, failures: 0, rows: new Set<Allowed>() }
  outcomes.push(outcome)
  return outcome
}
