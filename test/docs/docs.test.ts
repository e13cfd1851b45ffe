/** Every code block of the README and of docs says whether it is run, and those that say so run. */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { describePython } from '../support/python.ts'
import { blocksOf, flawOf, isRun } from './blocks.ts'
import { Page } from './page.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const DOCS = join(ROOT, 'docs')
const pages = [
  join(ROOT, 'README.md'),
  join(ROOT, 'CONTRIBUTING.md'),
  ...readdirSync(DOCS)
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(DOCS, name)),
].map((path) => ({ path, name: basename(path), blocks: blocksOf(path) }))

test('every block of a program says what becomes of it', () => {
  const flaws = pages.flatMap(({ name, blocks }) =>
    blocks.map((block) => [name, block.line, flawOf(block)] as const),
  )
  expect(flaws.filter(([, , flaw]) => flaw !== undefined)).toEqual([])
})

test('the picture shows what the page of benchmarks says', () => {
  const script = join(ROOT, 'npm/picture.mjs')
  expect(spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' })).toMatchObject({
    stderr: '',
    status: 0,
  })
})

const run = pages.filter(({ blocks }) => blocks.some(isRun))

test('the README is run', () => {
  expect(run.map(({ name }) => name)).toContain('README.md')
})

describe('pages', () => {
  for (const { name, blocks } of run) {
    const suite = blocks.some(({ language }) => language === 'python') ? describePython : describe
    suite(name, () => {
      test('runs as it says', () => new Page(blocks).run())
    })
  }
})
