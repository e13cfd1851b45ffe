/** `npm run check` reads licences as SPDX means them. */

import { expect, test } from 'vitest'

const script = new URL('../../npm/crates.mjs', import.meta.url).href
const { isAllowed }: { isAllowed(license: string | null, allowed: readonly string[]): boolean } =
  await import(script)

test.each([
  ['MIT', true],
  ['GPL-3.0', false],
  ['MIT/GPL-3.0', true],
  ['GPL-3.0 OR MIT', true],
  ['MIT AND GPL-3.0', false],
  ['(GPL-2.0 OR MIT) AND Apache-2.0', true],
  ['MIT AND (GPL-2.0 OR BSD-3-Clause)', false],
  ['GPL-2.0 AND GPL-3.0 OR MIT', true],
  ['Apache-2.0 WITH LLVM-exception', false],
  ['Apache-2.0 WITH LLVM-exception OR MIT', true],
  ['MIT Apache-2.0', false],
  ['(MIT', false],
  [null, false],
])('of MIT and Apache-2.0, %s is allowed: %s', (license, expected) => {
  expect(isAllowed(license, ['MIT', 'Apache-2.0'])).toBe(expected)
})
