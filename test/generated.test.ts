import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { HANDOVER_VARIABLE } from '../lib/control/upgrade/launch.ts'
import { ERRORS, errorRow, isErrorCode, MonodonError } from '../lib/errors.ts'
import { generatedFiles } from '../lib/options/generated.ts'
import { envName } from '../lib/options/names.ts'
import { OPTION_KEYS } from '../lib/options/table.ts'
import { OTHER_VARIABLES } from '../lib/options/variables.ts'

const root = new URL('../', import.meta.url)

describe('generated files', () => {
  const files = [...generatedFiles(root)]
  it.each(files)('%s is up to date (npm run generate)', (path, text) => {
    expect(readFileSync(new URL(path, root), 'utf8')).toBe(text)
  })
})

describe('the error table', () => {
  const codes = Object.keys(ERRORS)
  const variables = new Set([...OPTION_KEYS.map(envName), HANDOVER_VARIABLE, ...OTHER_VARIABLES])
  const used = codesIn(['lib', 'crates'])

  it('has every code that is used', () => {
    const unknown = [...used].filter((code) => !isErrorCode(code) && !variables.has(code))
    expect(unknown).toEqual([])
  })

  it('has no code that is not used', () => {
    expect(codes.filter((code) => !used.has(code))).toEqual([])
  })

  it('says what happened and what to do', () => {
    for (const code of codes) {
      const { message, hint, status } = errorRow(code as keyof typeof ERRORS)
      expect(message, code).toMatch(/^[^A-Z].*[^.]$/)
      expect(hint, code).toMatch(/^[^A-Z].*[^.]$/)
      if (status !== undefined) expect(status, code).toBeGreaterThanOrEqual(400)
    }
  })

  it('is listed in docs/errors.md', () => {
    const page = readFileSync(new URL('docs/errors.md', root), 'utf8')
    const listed = [...page.matchAll(/^\| `(MONODON_\w+)` \|/gm)].map(([, code]) => code)
    expect(listed.sort()).toEqual(codes.sort())
  })

  it('makes errors that carry it', () => {
    const cause = new Error('inner')
    const error = new MonodonError('MONODON_BAD_HEADER', { detail: 'x', cause })
    expect(error).toMatchObject({ code: 'MONODON_BAD_HEADER', blame: 'app', cause })
    expect(error.message).toBe(`${ERRORS.MONODON_BAD_HEADER.message}: x`)
  })
})

/** Every `MONODON_*` in the sources below some folders, except for where the table itself is. */
function codesIn(folders: readonly string[]): Set<string> {
  const found = new Set<string>()
  for (const folder of folders) {
    const base = fileURLToPath(new URL(folder, root))
    for (const name of readdirSync(base, { recursive: true, encoding: 'utf8' })) {
      if (!/\.(?:ts|rs)$/.test(name) || name === 'errors.ts') continue
      const text = readFileSync(join(base, name), 'utf8')
      for (const [code] of text.matchAll(/\bMONODON_[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*\b(?!_)/g))
        found.add(code)
    }
  }
  return found
}
