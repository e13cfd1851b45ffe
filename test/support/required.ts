/** Suites that need what not every machine has. */
import { describe, expect, test } from 'vitest'

/**
 * `describe` for tests that need something: without it (`missing` says why) they are skipped by name,
 * and with CI set they fail.
 */
export function describeWith(missing: string | undefined, title: string, suite: () => void): void {
  if (missing === undefined) {
    describe(title, suite)
    return
  }
  const why = `${title} (${missing})`
  if (process.env.CI) test(why, () => expect.fail(`${missing}; with CI set nothing is skipped`))
  else test.skip(why, () => {})
}
