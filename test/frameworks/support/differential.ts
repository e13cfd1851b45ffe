/** Runs an app on `node:http` and on monodon, and compares what their clients and the app see. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { DIFFERENCES, type DifferenceName } from './differences.ts'
import { type Column, checkColumn } from './documented.ts'
import { FEATURES, type Feature } from './features.ts'
import { type Outcome, Peer } from './peer.ts'
import { type CreateApp, onMonodon, onNodeHttp, type Side } from './sides.ts'

/** What a client does in a case. */
export interface Talk {
  (peer: Peer): Promise<unknown>
  /** How its outcome differs, inevitably. */
  differs?: readonly DifferenceName[]
}

/** Cases by their feature and name. */
export type Cases = Partial<Record<Feature, Readonly<Record<string, Talk>>>>

/** A talk whose answers differ: a difference that is not there fails as well. */
export function differing(names: readonly DifferenceName[], talk: Talk): Talk {
  return Object.assign((peer: Peer) => talk(peer), { differs: names })
}

/**
 * @param name the column of the framework in docs/frameworks.md
 * @param parts sets of cases; of two with the same title the later one counts
 */
export function differentialSuite(name: string, createApp: CreateApp, ...parts: Cases[]): void {
  describe(`${name} on monodon does what it does on node:http`, () => {
    let sides: { node: Side; monodon: Side }
    const column: Column = {}

    beforeAll(async () => {
      // Frameworks tell of errors there, some a turn after the answer: apps note what matters.
      vi.spyOn(console, 'error').mockImplementation(() => undefined)
      sides = { node: await onNodeHttp(createApp), monodon: await onMonodon(createApp) }
    }, 300_000)
    afterAll(async () => {
      await sides?.node.close()
      await sides?.monodon.close()
    })

    let count = 0
    for (const feature of FEATURES)
      for (const [title, talk] of talksOf(feature, parts)) {
        count++
        test(`${feature}: ${title}`, async () => {
          const expected = await outcomeOf(talk, sides.node)
          const actual = await outcomeOf(talk, sides.monodon)
          const differs = talk.differs ?? []
          const compared = differs.reduce(takeOut, [expected, actual] as const)
          expect(compared[1]).toEqual(compared[0])
          column[feature] ??= []
          column[feature].push({ title, differs })
        })
      }

    test('is what docs/frameworks.md says', ({ skip }) => {
      const done = Object.values(column).reduce((sum, cases) => sum + cases.length, 0)
      skip(done < count, 'not all cases were run, or some failed')
      checkColumn(name, column)
    })
  })
}

function talksOf(feature: Feature, parts: readonly Cases[]): [title: string, talk: Talk][] {
  return Object.entries(Object.assign({}, ...parts.map((part) => part[feature])))
}

async function outcomeOf(talk: Talk, side: Side): Promise<Outcome> {
  side.notes.length = 0
  const peer = await Peer.connect(side)
  try {
    await talk(peer)
    return peer.outcome
  } finally {
    await peer.leave()
  }
}

function takeOut(
  outcomes: readonly [Outcome, Outcome],
  name: DifferenceName,
): readonly [Outcome, Outcome] {
  const compared = DIFFERENCES[name].without(...outcomes)
  if (compared === undefined) {
    expect(outcomes[1], `both are the same without "${name}"`).not.toEqual(outcomes[0])
    throw new Error(`the answers do not differ by "${name}"`)
  }
  return compared
}
