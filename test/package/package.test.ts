/** What would be published, installed without a registry and without Rust, is all that an app needs. */

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { requirePython } from '../support/python.ts'
import { PATIENCE_MS, until, within } from '../support/wait.ts'
import {
  filesOf,
  nodeBinaries,
  packAll,
  ROOT,
  releaseStep,
  type Tarballs,
  Workplace,
} from './packed.ts'

interface Manifest {
  version: string
  dependencies: Record<string, string>
  optionalDependencies: Record<string, string>
  scripts?: Record<string, string>
  napi: { targets: string[] }
}
const manifest: Manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))

let folder: string
let tarballs: Tarballs
let nodes: Map<string, string>
/** Where everything is installed as from the registry. */
let user: Workplace

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'monodon-package-'))
  nodes = await nodeBinaries()
  tarballs = await packAll(Object.keys(manifest.dependencies))
  user = new Workplace(join(folder, 'user'), process.execPath, join(folder, 'programs'))
  const { main, platform, dependencies } = tarballs
  await user.install([main, platform, ...dependencies])
  user.write(APPS)
})
afterAll(() => rmSync(folder, { recursive: true }))

/** An app for each interface, which answers with the path. */
const APPS = {
  'fetch.ts': `export default { fetch: (request: Request) => new Response(new URL(request.url).pathname) }`,
  'wsgi.ts': `
    import type { Environ, StartResponse } from 'monodon'
    export function app(environ: Environ, startResponse: StartResponse) {
      startResponse('200 OK', [['Content-Type', 'text/plain']])
      return [environ.PATH_INFO]
    }`,
  'node.ts': `
    import type { IncomingMessage, ServerResponse } from 'node:http'
    export default (req: IncomingMessage, res: ServerResponse) => { res.end(req.url) }`,
  'server.js': `
    import { createServer } from 'node:http'
    createServer((req, res) => res.end(req.url)).listen(3000)`,
  'python.py': `
def app(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [environ['PATH_INFO'].encode()]
`,
}
const COMMANDS: Readonly<Record<string, () => string[]>> = {
  fetch: () => ['fetch.ts'],
  wsgi: () => ['wsgi.ts:app', '--interface', 'wsgi'],
  node: () => ['node.ts', '--interface', 'node'],
  program: () => ['server.js'],
  python: () => ['python.py:app', '--python', requirePython()],
}

/** Files below a folder of `lib`, as they are in the package. */
function sourcesIn(folder: string, end: '.ts' | '.py'): string[] {
  return readdirSync(join(ROOT, 'lib', folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(end))
    .map((name) => `dist/${folder}/${name.replace(/\.ts$/, '.js')}`)
    .sort()
}

/** The source of a compiled file. */
function sourceOf(path: string): string {
  return path.replace(/^dist/, 'lib').replace(/(?:\.d\.ts|\.js)$/, '.ts')
}

/** Serves by `npx monodon`, asks once, and stops with TERM. Gives the answer and the exit code of npx. */
async function served(place: Workplace, name: string, command: readonly string[]) {
  const pidFile = join(place.folder, `${name}.pid`)
  const child = spawn('npx', ['monodon', ...command, '--bind', '127.0.0.1:0', '--pid', pidFile], {
    cwd: place.folder,
    env: place.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit') as Promise<[number | null]>
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => {
      output += bytes
    })
  const url = () => /Listening at: (http:\S+)/.exec(output)?.[1]
  await until(
    'the server to start',
    () => {
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}:\n${output}`)
      return url() !== undefined && /Workers: \d/.test(output)
    },
    2 * PATIENCE_MS,
  )
  const body = await (await fetch(`${url()}/path`)).text()
  process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGTERM')
  const [code] = await within(PATIENCE_MS, 'npx to end', () => exited)
  return { body, code }
}

describe('the tarballs', () => {
  test('hold these files', async () => {
    const files = await filesOf(tarballs.main)
    const below = (folder: string) => files.filter((path) => path.startsWith(folder))
    const texts = ['CHANGELOG.md', 'LICENSE', 'README.md'].filter((name) =>
      existsSync(join(ROOT, name)),
    )
    expect(files.filter((path) => !path.startsWith('dist/'))).toEqual([...texts, 'package.json'])
    expect(below('dist/python/')).toEqual(sourcesIn('python', '.py'))
    for (const folder of ['observe/page/client', 'observe/view'])
      expect(below(`dist/${folder}/`)).toEqual(sourcesIn(folder, '.ts'))
    const named = files.filter((path) => /^dist\/(?!python\/|chunks\/).*\.(?:js|d\.ts)$/.test(path))
    expect(named.filter((path) => !existsSync(join(ROOT, sourceOf(path))))).toEqual([])
    const others = files.filter((path) => /^dist\/(?!python\/)/.test(path) && !named.includes(path))
    const chunks = others.filter((path) => /^dist\/chunks\/\w[\w-]*\.js(?:\.map)?$/.test(path))
    const maps = others.filter((path) => files.includes(path.replace(/\.map$/, '')))
    expect(others.filter((path) => !chunks.includes(path) && !maps.includes(path))).toEqual([])
    expect(files).toContain('dist/cli/main.js')
    // Scripts of the project, not of the package.
    expect(files.filter((path) => /generate|\.node$|\/\./.test(path))).toEqual([])

    expect(await filesOf(tarballs.platform)).toEqual([
      'LICENSE',
      'README.md',
      `monodon.${process.platform}-${process.arch}-gnu.node`,
      'package.json',
    ])
    const offline = (await filesOf(tarballs.offline)).filter((path) => !files.includes(path))
    expect(offline.filter((path) => !path.startsWith('node_modules/'))).toEqual([
      `prebuilds/${process.platform}-${process.arch}/monodon.glibc.node`,
    ])
  })

  test('hold all that their files import', () => {
    const dist = join(user.folder, 'node_modules/monodon/dist')
    const files = readdirSync(dist, { recursive: true, encoding: 'utf8' })
    const missing = files
      .filter((path) => /\.(?:js|d\.ts)$/.test(path))
      .flatMap((path) => {
        const text = readFileSync(join(dist, path), 'utf8')
        return [...text.matchAll(/\b(?:from|import)\s*\(?\s*["'](\.[^"']+)["']/g)].map(([, to]) =>
          join(dirname(path), path.endsWith('.d.ts') ? to!.replace(/\.[jt]s$/, '.d.ts') : to!),
        )
      })
      .filter((path) => !files.includes(path))
    expect(missing).toEqual([])
  })

  test('name the packages of all platforms, in the same version, and run nothing when installed', () => {
    const path = join(user.folder, 'node_modules/monodon/package.json')
    const installed: Manifest = JSON.parse(readFileSync(path, 'utf8'))
    expect(Object.keys(installed.optionalDependencies)).toHaveLength(manifest.napi.targets.length)
    expect(new Set(Object.values(installed.optionalDependencies))).toEqual(
      new Set([manifest.version]),
    )
    expect(installed.scripts).toBeUndefined()
  })

  test('bring at most 5 packages, besides the binary', () => {
    const names = readdirSync(join(user.folder, 'node_modules')).filter(
      (name) => !name.startsWith('.'),
    )
    expect(names.sort()).toEqual(
      ['@monodon', ...Object.keys(manifest.dependencies), 'monodon'].sort(),
    )
    expect(names.length - 2).toBeLessThanOrEqual(5)
    const reasons = readFileSync(join(ROOT, 'docs/packages.md'), 'utf8')
    for (const name of Object.keys(manifest.dependencies))
      expect(reasons).toContain(`| \`${name}\` |`)
  })

  test('satisfy publint and attw', async () => {
    await releaseStep('check', '--built-here')
  })
})

describe('the types, without skipLibCheck,', () => {
  const TSC = join(ROOT, 'node_modules/typescript/bin/tsc')
  const TYPED = `
    import { defineConfig, MonodonError, type RunningServer, serve } from 'monodon'
    import { upgradeWebSocket } from 'monodon/hono'
    import type { Environ, StartResponse, WSGIApplication } from 'monodon'
    export const app: WSGIApplication = (environ: Environ, startResponse: StartResponse) => {
      startResponse('200 OK', [['Content-Type', 'text/plain']])
      return [environ.PATH_INFO]
    }
    export const config = defineConfig({ workers: 2, keepAlive: '5s' })
    export const server: Promise<RunningServer> = serve(app, config)
    export const code: string = new MonodonError('MONODON_USAGE').code
    export const upgrades = upgradeWebSocket
    // @ts-expect-error: there is no such option
    export const wrong = defineConfig({ worker: 2 })`
  /** As CommonJS has it under node16, where it may not require ES modules. */
  const DYNAMIC = `
    import type { RunningServer } from 'monodon' with { 'resolution-mode': 'import' }
    export async function start(): Promise<RunningServer> {
      const { serve } = await import('monodon')
      return serve(() => new Response('hi'), { bind: '127.0.0.1:0' })
    }`

  beforeAll(() => {
    for (const name of ['@types', 'undici-types', 'hono'])
      symlinkSync(join(ROOT, 'node_modules', name), join(user.folder, 'node_modules', name))
  })

  test.each([
    ['node16, ES modules', 'esm16.mts', TYPED, ['--module', 'node16']],
    ['node16, CommonJS', 'cjs16.cts', DYNAMIC, ['--module', 'node16']],
    ['nodenext, ES modules', 'esm.mts', TYPED, ['--module', 'nodenext']],
    ['nodenext, CommonJS', 'cjs.cts', TYPED, ['--module', 'nodenext']],
    ['bundler', 'bundled.ts', TYPED, ['--module', 'esnext', '--moduleResolution', 'bundler']],
  ])('hold for %s', async (_, name, text, flags) => {
    user.write({ [name]: text })
    const strict = ['--strict', '--noEmit', '--target', 'es2023', '--types', 'node']
    const printed = await user
      .run('node', TSC, ...strict, '--skipLibCheck', 'false', ...flags, name)
      .catch((error: { stdout: string }) => error.stdout)
    expect(printed).toBe('')
  })
})

describe('on each Node', () => {
  test('each interface is served by npx, with nothing else in the path', async () => {
    const answers: Record<string, unknown> = {}
    const expected: Record<string, unknown> = {}
    for (const [version, node] of nodes) {
      const place = new Workplace(user.folder, node, join(folder, `programs-${version}`))
      await Promise.all(
        Object.entries(COMMANDS).map(async ([name, command]) => {
          const key = `${name} on Node ${version}`
          expected[key] = { body: '/path', code: 0 }
          answers[key] = await served(place, `${name}-${version}`, command())
        }),
      )
    }
    expect(answers).toEqual(expected)
  })

  test('code serves an app, by import and by require', async () => {
    const text = `
      const server = await serve((request) => new Response(request.url), { bind: '127.0.0.1:0' })
      const response = await fetch(server.url + '/path')
      console.log(response.status, (await response.text()) === server.url + '/path')
      await server.close()`
    user.write({
      'main.mjs': `import { serve } from 'monodon';${text}`,
      'main.cjs': `const { serve } = require('monodon');(async () => {${text}})()`,
    })
    const printed: string[] = []
    for (const [version, node] of nodes) {
      const place = new Workplace(user.folder, node, join(folder, `programs-code-${version}`))
      const noWarning = '--disable-warning=ExperimentalWarning'
      for (const file of ['main.mjs', 'main.cjs'])
        printed.push(await place.run('node', noWarning, file))
    }
    expect(printed).toEqual(printed.map(() => '200 true\n'))
    expect(printed).toHaveLength(2 * nodes.size)
  })
})

test('Bun and Deno serve what is said to work there', async () => {
  // With the registry, which it has the runtimes from.
  const script = join(ROOT, 'npm/smoke.mjs')
  const { stdout } = await promisify(execFile)(process.execPath, [script, user.folder])
  const both = ['serve()', 'fetch', 'wsgi', 'node']
  expect(stdout.split('\n').filter((line) => /^(?:bun|deno): /.test(line))).toEqual([
    ...both.map((kind) => `bun: ${kind}`),
    ...[...both, 'process', 'python'].map((kind) => `deno: ${kind}`),
  ])
})

test('the one tarball with prebuilds needs no other', async () => {
  const place = new Workplace(join(folder, 'offline'), process.execPath, join(folder, 'programs-o'))
  await place.install([tarballs.offline])
  place.write(APPS)
  expect(readdirSync(join(place.folder, 'node_modules'))).toEqual(
    expect.not.arrayContaining(['@monodon']),
  )
  expect(await served(place, 'offline', ['fetch.ts'])).toEqual({ body: '/path', code: 0 })
})

test('without the package of the platform, the command says what is missing and what to do', async () => {
  const place = new Workplace(join(folder, 'without'), process.execPath, join(folder, 'programs-w'))
  await place.install([tarballs.main, ...tarballs.dependencies])
  place.write(APPS)
  const failure = await place.run('npx', 'monodon', 'fetch.ts').then(
    () => undefined,
    (error: { code: number; stderr: string }) => error,
  )
  expect(failure?.code).toBe(1)
  expect(failure?.stderr).toContain(
    `@monodon/native-${process.platform}-${process.arch}-gnu: it is not installed`,
  )
  expect(failure?.stderr).toMatch(/MONODON_NATIVE_MISSING.*npm\/cli#4828/)
})
