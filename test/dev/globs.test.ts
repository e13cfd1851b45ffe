import { describe, expect, it } from 'vitest'
import { globTest } from '../../lib/control/reload/globs.ts'

const matches = (pattern: string, path: string): boolean => globTest([pattern], '/app')(path)

describe('a pattern without a slash', () => {
  it.each([
    ['*.json', 'data.json', true],
    ['*.json', 'data.jsonc', false],
    ['da?a.json', 'data.json', true],
    ['data', 'data.json', false],
    ['[a-d]*.json', 'data.json', true],
    ['[!a-d]*.json', 'data.json', false],
    ['*.{yml,json}', 'data.json', true],
    ['*.{yml,toml}', 'data.json', false],
    ['*.{yml,json', 'data.json', false],
    ['data.(json)', 'data.json', false],
    ['data+json', 'data.json', false],
    ['**', 'data.json', true],
  ])('%s for %s: %s', (pattern, name, expected) => {
    expect(matches(pattern, `/app/deep/${name}`)).toBe(expected)
  })
})

describe('a pattern with a slash', () => {
  it.each([
    ['src/*.ts', '/app/src/a.ts', true],
    ['./src/*.ts', '/app/src/a.ts', true],
    ['src/*.ts', '/app/src/deep/a.ts', false],
    ['src/**/*.ts', '/app/src/a.ts', true],
    ['src/**/*.ts', '/app/src/very/deep/a.ts', true],
    ['**/a.ts', '/app/a.ts', true],
    ['node_modules/pkg/**', '/app/node_modules/pkg/lib/a.js', true],
    ['node_modules/pkg/**', '/app/node_modules/pkg', false],
    ['node_modules/pkg/**', '/app/node_modules/pkg2/a.js', false],
    ['../shared/*.ts', '/shared/a.ts', true],
    ['/shared/*.ts', '/shared/a.ts', true],
    ['/shared/*.ts', '/app/shared/a.ts', false],
  ])('%s for %s: %s', (pattern, path, expected) => {
    expect(matches(pattern, path)).toBe(expected)
  })
})

it('matches nothing without patterns, and any of several', () => {
  expect(globTest([], '/app')('/app/a')).toBe(false)
  expect(globTest(['a', 'b'], '/app')('/app/b')).toBe(true)
})
