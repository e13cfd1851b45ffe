/** What npm would publish, unpacked beside an app, is all that the app needs. */

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { PATIENCE_MS } from '../support/wait.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const manifest: {
  version: string
  bin: { monodon: string }
  exports: { '.': { types: string; default: string } }
  dependencies: Record<string, string>
} = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))

let folder: string
let installed: string
let files: readonly string[]

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'monodon-package-'))
  installed = join(folder, 'node_modules/monodon')
  mkdirSync(installed, { recursive: true })
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  )
  files = packed.files.map(({ path }: { path: string }) => path)
  execFileSync('tar', [
    '-xf',
    join(folder, packed.filename),
    '-C',
    installed,
    '--strip-components=1',
  ])
  for (const name of Object.keys(manifest.dependencies)) link(name)
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Makes a package of the checkout one of the app. */
function link(name: string): void {
  const place = join(folder, 'node_modules', name)
  mkdirSync(dirname(place), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules', name), place)
}

function node(...args: string[]) {
  const options = { cwd: folder, encoding: 'utf8', timeout: PATIENCE_MS } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, args, options)
  return { status, stdout, stderr }
}

test('it holds what the manifest names, the addon, and nothing of the sources', () => {
  const { types, default: main } = manifest.exports['.']
  const named = [types, main, manifest.bin.monodon].map((path) => path.replace('./', ''))
  expect(files).toEqual(expect.arrayContaining([...named, 'README.md', 'LICENSE']))
  expect(files.filter((path) => path.endsWith('.node'))).not.toEqual([])
  expect(files).toContain('dist/python/__main__.py')
  expect(files.filter((path) => path.includes('__pycache__'))).toEqual([])
  const others = files.filter((path) => !path.startsWith('dist/'))
  expect(others.sort()).toEqual(['LICENSE', 'README.md', 'package.json'])
  expect(files.filter((path) => /\/\./.test(path))).toEqual([])
})

test('its command runs', () => {
  const { status, stdout, stderr } = node(join(installed, manifest.bin.monodon), '--version')
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toContain(`monodon ${manifest.version} (native ${manifest.version}, `)
})

test('its server runs an app, once imported', () => {
  writeFileSync(
    join(folder, 'main.mjs'),
    `import { serve } from 'monodon'
    const server = await serve((request) => new Response(request.url), { bind: '127.0.0.1:0' })
    const response = await fetch(server.url + '/path')
    console.log(response.status, (await response.text()) === server.url + '/path')
    await server.close()`,
  )
  expect(node('main.mjs')).toEqual({ status: 0, stdout: '200 true\n', stderr: '' })
})

test('its types hold without skipLibCheck', () => {
  link('@types/node')
  link('undici-types')
  writeFileSync(
    join(folder, 'app.mts'),
    `import { defineConfig, MonodonError, type RunningServer, serve } from 'monodon'
    import type { Environ, StartResponse, WSGIApplication } from 'monodon'
    export const app: WSGIApplication = (environ: Environ, startResponse: StartResponse) => {
      startResponse('200 OK', [['Content-Type', 'text/plain']])
      return [environ.PATH_INFO]
    }
    export const config = defineConfig({ workers: 2, keepAlive: '5s' })
    export const server: Promise<RunningServer> = serve(app, config)
    export const code: string = new MonodonError('MONODON_USAGE').code
    // @ts-expect-error: there is no such option
    export const wrong = defineConfig({ worker: 2 })`,
  )
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  const flags = ['--strict', '--noEmit', '--module', 'nodenext', '--target', 'es2023']
  const checked = node(tsc, ...flags, '--types', 'node', '--skipLibCheck', 'false', 'app.mts')
  expect(checked).toEqual({ status: 0, stdout: '', stderr: '' })
})
