import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { LAYOUT_VERSION } from '../../lib/bridge/layout.ts'
import { loadAddon } from '../../lib/bridge/native-loader.ts'
import { MonodonError } from '../../lib/errors.ts'
import { packageVersion } from '../../lib/version.ts'
import { COMMAND } from '../support/spawned.ts'
import { PATIENCE_MS } from '../support/wait.ts'

interface Identity {
  layoutVersion(): number
  nativeVersion(): string
  /** What these tests put into stand-ins. */
  readonly name?: string
}

const PLATFORM = `${process.platform}-${process.arch}`
const PACKAGE = `@monodon/native-${PLATFORM}-gnu`
const LOCAL_BUILD = fileURLToPath(
  new URL(`../../dist/monodon.${PLATFORM}-gnu.node`, import.meta.url),
)

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'monodon-loader-'))
})
afterEach(() => rmSync(root, { recursive: true }))

/** Puts a file below the root. Gives its path. */
function put(path: string, write: (target: string) => void): string {
  const target = join(root, path)
  mkdirSync(dirname(target), { recursive: true })
  write(target)
  return target
}

/** A link: the C library has room for the thread-local variables of one copy, which a process needs. */
const aBuild = (target: string) => symlinkSync(LOCAL_BUILD, target)
const aText = (target: string) => writeFileSync(target, 'no library')

/** A package for this platform, in JavaScript. */
function installPackage(
  name = PACKAGE,
  { version = packageVersion(), layout = LAYOUT_VERSION } = {},
): void {
  put(`node_modules/${name}/index.js`, (target) =>
    writeFileSync(
      target,
      `module.exports = {
        name: ${JSON.stringify(name)},
        nativeVersion: () => ${JSON.stringify(version)},
        layoutVersion: () => ${layout},
      }`,
    ),
  )
}

function load(env: NodeJS.ProcessEnv = {}): Identity {
  return loadAddon<Identity>(env, root)
}

function failure(env: NodeJS.ProcessEnv = {}): MonodonError {
  try {
    load(env)
  } catch (error) {
    if (error instanceof MonodonError) return error
    throw error
  }
  throw new Error('an addon was loaded')
}

describe('the addon is loaded from', () => {
  test('the package of the platform, if it is installed', () => {
    installPackage()
    put(`prebuilds/${PLATFORM}/monodon.glibc.node`, aText)
    expect(load().name).toBe(PACKAGE)
  })

  test('the package for the other C library, if that is what is installed', () => {
    installPackage(`@monodon/native-${PLATFORM}-musl`)
    expect(load().name).toBe(`@monodon/native-${PLATFORM}-musl`)
  })

  test('prebuilds', () => {
    put(`prebuilds/${PLATFORM}/monodon.glibc.node`, aBuild)
    expect(load().nativeVersion()).toBe(packageVersion())
  })

  test('a local build', () => {
    put(`dist/${basename(LOCAL_BUILD)}`, aBuild)
    expect(load().layoutVersion()).toBe(LAYOUT_VERSION)
  })

  test('the file that MONODON_NATIVE_PATH names, whatever else there is', () => {
    installPackage()
    const named = put('elsewhere/any-name.node', aBuild)
    expect(load({ MONODON_NATIVE_PATH: named }).name).toBeUndefined()
  })
})

describe('when there is none, one error', () => {
  test('names each place, the platform with its C library, and what to do', () => {
    const { code, blame, message, hint } = failure()
    expect({ code, blame }).toEqual({ code: 'MONODON_NATIVE_MISSING', blame: 'operator' })
    const { glibcVersionRuntime } = (
      process.report.getReport() as unknown as { header: { glibcVersionRuntime: string } }
    ).header
    const places = message.split('\n  ')
    expect(places).toEqual([
      `the native part of monodon cannot be loaded: ${PLATFORM}, glibc ${glibcVersionRuntime}, Node ${process.version}; tried:`,
      `@monodon/native-${PLATFORM}-gnu: it is not installed`,
      `@monodon/native-${PLATFORM}-musl: it is not installed`,
      `${root}/prebuilds/${PLATFORM}/monodon.glibc.node: there is no such file`,
      `${root}/prebuilds/${PLATFORM}/monodon.musl.node: there is no such file`,
      `${root}/dist/monodon.${PLATFORM}-gnu.node: there is no such file`,
      `${root}/dist/monodon.${PLATFORM}-musl.node: there is no such file`,
    ])
    expect(hint).toMatch(/optional dependencies.*npm\/cli#4828.*package-lock\.json.*prebuilds/)
  })

  test('says why a file that is there was not loaded', () => {
    put(`prebuilds/${PLATFORM}/monodon.glibc.node`, aText)
    expect(failure().message).toContain('monodon.glibc.node: ')
    expect(failure().message).toMatch(/monodon\.glibc\.node: .*(?:too short|invalid ELF header)/)
  })

  test('refuses what is left over from another version', () => {
    installPackage(PACKAGE, { version: '0.0.9' })
    expect(failure().message).toContain(
      `${PACKAGE}: it is of version 0.0.9, this package of ${packageVersion()}`,
    )
  })

  test('refuses another layout of records', () => {
    installPackage(PACKAGE, { layout: LAYOUT_VERSION + 1 })
    expect(failure().message).toContain(
      `${PACKAGE}: it speaks record layout ${LAYOUT_VERSION + 1}, this package ${LAYOUT_VERSION}`,
    )
  })

  test('tells of the named file alone', () => {
    installPackage()
    const named = join(root, 'none.node')
    expect(failure({ MONODON_NATIVE_PATH: named }).message.split('\n  ').slice(1)).toEqual([
      `MONODON_NATIVE_PATH=${named}: there is no such file`,
    ])
    expect(failure({ MONODON_NATIVE_PATH: 'monodon.node' }).message).toContain(
      'MONODON_NATIVE_PATH=monodon.node: no absolute path',
    )
  })
})

test('the command says it, and its variable is no unknown option', () => {
  const { status, stderr } = spawnSync(process.execPath, [COMMAND, 'examples/hello.ts'], {
    env: { ...process.env, MONODON_NATIVE_PATH: '/nowhere/monodon.node' },
    encoding: 'utf8',
    timeout: PATIENCE_MS,
  })
  expect(stderr).toContain('MONODON_NATIVE_PATH=/nowhere/monodon.node: there is no such file')
  expect(stderr).toContain('MONODON_NATIVE_MISSING')
  expect(status).toBe(1)
})

test('what is generated needs no addon, which may be of the layout before', () => {
  const generate = join(dirname(COMMAND), '../options/generate.js')
  const { status, stderr } = spawnSync(process.execPath, [generate, '--check'], {
    env: { ...process.env, MONODON_NATIVE_PATH: '/nowhere/monodon.node' },
    encoding: 'utf8',
    timeout: PATIENCE_MS,
  })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})

test.each([['--help'], ['--version'], ['top', '--help'], ['trace', '--help'], ['ctl', '--help']])(
  'what needs no addon asks for none: %s %s',
  (...args) => {
    const { status, stderr } = spawnSync(process.execPath, [COMMAND, ...args], {
      env: { ...process.env, MONODON_NATIVE_PATH: '/nowhere/monodon.node' },
      encoding: 'utf8',
      timeout: PATIENCE_MS,
    })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  },
)
