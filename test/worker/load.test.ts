import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const DRIVER = fileURLToPath(new URL('load-driver.mjs', import.meta.url))
/** Another Node to load the apps with. */
const NODE = process.env.TEST_NODE ?? process.execPath

const FILES: Readonly<Record<string, string>> = {
  'package.json': '{"type":"module"}',
  // -- where apps lie
  'app.ts': 'export default (): string => "default of app.ts"',
  'both.ts': 'export default () => "both.ts"',
  'both.js': 'export default () => "both.js"',
  'src/deep.mjs': 'export const app = () => "src/deep.mjs"',
  'folder/index.js': 'export default () => "folder/index.js"',
  'node_modules/pkg/package.json': '{"name":"pkg","exports":{"import":"./main.mjs"}}',
  'node_modules/pkg/main.mjs': 'export default () => "pkg"',
  // -- what modules export
  'names.mjs': `
    export const app = () => 'app'
    export const other = { fetch: () => 'other' }
    export const number = 5
    export default 'not an app'`,
  'object.mjs': 'export default { fetch: () => "object" }',
  'promised.mjs': 'export default Promise.resolve(() => "promised")',
  'nested.mjs': 'export default { default: { default: () => "nested" } }',
  'nothing.mjs': 'globalThis.x = 1',
  'whole.cjs': 'module.exports = () => "whole"',
  'named.cjs': 'exports.app = () => "named"',
  'dynamic.cjs': 'module.exports = Object.fromEntries([["app", () => "dynamic"]])',
  'compiled.cjs': `
    Object.defineProperty(exports, '__esModule', { value: true })
    exports.default = () => 'compiled'
    exports.extra = () => 'extra'`,
  // -- factories
  'factory.mjs': `
    export const create = (...args) => () => 'made of ' + JSON.stringify(args)
    export async function later(name) { await null; return () => 'later ' + name }
    export function fails() { throw new TypeError('no database') }
    export async function rejects() { throw new TypeError('no queue') }
    export const gives5 = () => 5
    export const notOne = {}`,
  // -- what goes wrong
  'throws.mjs': 'import "./thrower.mjs"\nexport default 1',
  'thrower.mjs': 'const where = 1\nfunction fall() {\n  throw new RangeError("at boot")\n}\nfall()',
  'parses.mjs': 'JSON.parse("{")',
  'missing.mjs': 'import "not-installed"',
  'unexported.mjs': 'import { nope } from "./object.mjs"\nexport default () => nope',
  'syntax.mjs': 'import "./broken.mjs"\nexport default 1',
  'broken.mjs': 'const x = 1\nconst y = = 2\n',
  'broken.cjs': 'const x = 1\nconst y = = 2\n',
  'broken.ts': 'const x: number = 1\nconst y = = 2\n',
  // -- more TypeScript than Node removes
  'rich.ts': `
    import { Color, type Shade } from './color.js'
    import { Shape } from './color.js'
    import { plain } from './plain'
    import { instance } from './shared.mjs'
    function tag(text: string) { return (target: { tag?: string }) => { target.tag = text } }
    namespace Names { export const inner = 'inner' }
    @tag('tagged')
    class Service { static tag?: string; constructor(readonly name: string) {} }
    const shape: Shape | Shade = { sides: 3 }
    await null
    globalThis.instances.add(instance)
    export default () => [
      Color.Red, plain, Names.inner, Service.tag, new Service('named').name, shape.sides,
      globalThis.instances.size, import.meta.url.endsWith('/rich.ts'),
    ].join(' ')`,
  'color.ts': `
    export enum Color { Red = 'red' }
    export interface Shape { sides: number }
    export type Shade = Shape`,
  'plain.ts': 'export const plain: string = "plain"',
  'shared.mjs':
    'globalThis.instances ??= new Set()\nexport const instance = {}\nglobalThis.instances.add(instance)',
  'typed.ts': `
    import { Shape } from './shape.ts'
    const shape: Shape = { sides: 4 }
    export default () => 'typed ' + shape.sides`,
  'shape.ts': 'export interface Shape { sides: number }',
  'throws.ts':
    'interface A {\n  a: 1\n}\nenum E { a }\nexport default E\nthrow new Error("from line 6")',
}

let cwd: string

beforeAll(() => {
  cwd = realpathSync(mkdtempSync(join(tmpdir(), 'monodon-load-')))
  for (const [path, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(cwd, path)), { recursive: true })
    writeFileSync(join(cwd, path), text)
  }
})

afterAll(() => rmSync(cwd, { recursive: true }))

interface Result {
  readonly name?: string
  readonly file?: string
  readonly answer?: string
  readonly code?: string
  readonly message?: string
  readonly cause?: string
}

function load(...specs: string[]): Result[] {
  const text = execFileSync(NODE, [DRIVER, JSON.stringify({ cwd, specs })], { encoding: 'utf8' })
  return JSON.parse(text)
}

function expectAll(cases: readonly (readonly [spec: string, expected: object])[]): void {
  const results = load(...cases.map(([spec]) => spec))
  for (const [index, [spec, expected]] of cases.entries())
    expect({ spec, ...results[index] }).toMatchObject({ spec, ...expected })
}

describe('where an app is looked for', () => {
  it('finds files, extensions, dotted names, folders, packages', () => {
    expectAll([
      ['app.ts', { answer: 'default of app.ts' }],
      ['app', { answer: 'default of app.ts', file: join(cwd, 'app.ts') }],
      ['./app', { answer: 'default of app.ts' }],
      [join(cwd, 'app.ts'), { answer: 'default of app.ts' }],
      ['both', { answer: 'both.ts' }],
      ['both.js', { answer: 'both.js' }],
      ['src/deep', { answer: 'src/deep.mjs', name: 'app' }],
      ['src.deep', { answer: 'src/deep.mjs' }],
      ['src.deep:app', { answer: 'src/deep.mjs' }],
      ['folder', { answer: 'folder/index.js' }],
      ['pkg', { answer: 'pkg' }],
    ])
  })

  it('says where it looked and what is near', () => {
    const code = 'MONODON_APP_NOT_FOUND'
    const [plain, near, absolute] = load('nowhere', 'src/deeep.mjs', '/nowhere/app.js')
    expect(plain).toMatchObject({ code })
    expect(plain?.message).toContain(`looked for ${join(cwd, 'nowhere')} (also with .ts .mts .js`)
    expect(plain?.message).toContain('and a package nowhere')
    expect(near).toMatchObject({ code })
    expect(near?.message).toContain(`${join(cwd, 'src/deeep.mjs')}`)
    expect(near?.message).toContain('did you mean src/deep.mjs?')
    expect(absolute?.message).toBe('the app cannot be found: looked for /nowhere/app.js')
  })
})

describe('what is taken from a module', () => {
  it('is the named export, the default, or app', () => {
    expectAll([
      ['names.mjs:other', { answer: 'other', name: 'other' }],
      ['names.mjs', { answer: 'app', name: 'app' }],
      ['object.mjs', { answer: 'object', name: 'default' }],
      ['object.mjs:default', { answer: 'object' }],
      ['promised.mjs', { answer: 'promised' }],
      ['nested.mjs', { answer: 'nested' }],
      ['whole.cjs', { answer: 'whole' }],
      ['named.cjs', { answer: 'named' }],
      ['named.cjs:app', { answer: 'named' }],
      ['dynamic.cjs', { answer: 'dynamic' }],
      ['dynamic.cjs:app', { answer: 'dynamic' }],
      ['compiled.cjs', { answer: 'compiled', name: 'default' }],
      ['compiled.cjs:extra', { answer: 'extra' }],
    ])
  })

  it('says what is there instead', () => {
    const code = 'MONODON_APP_NOT_FOUND'
    const message = (text: string) => ({ code, message: expect.stringContaining(text) })
    expectAll([
      ['names.mjs:ap', message('names.mjs has no export "ap"; it exports: app (function)')],
      ['names.mjs:ap', message("default ('not an app')")],
      ['names.mjs:ap', message('; did you mean app?')],
      ['names.mjs:number', message('names.mjs: number gives 5 instead of a function or an object')],
      ['names.mjs:constructor', message('no export "constructor"')],
      ['nothing.mjs', message('no default export or export "app"')],
      ['nothing.mjs', message('it exports nothing')],
      ['nothing.mjs:x', message('it exports nothing')],
      ['names.mjs:create-app', message('"create-app" is not the name of an export')],
      ['names.mjs:', message('"" is not the name of an export')],
    ])
  })
})

describe('factories', () => {
  it('are called with JSON and awaited', () => {
    expectAll([
      ['factory.mjs:create()', { answer: 'made of []', name: 'create()' }],
      ['factory:create("a:b", 2, {"c": [null]})', { answer: 'made of ["a:b",2,{"c":[null]}]' }],
      ['factory.mjs:later("x")', { answer: 'later x', name: 'later("x")' }],
    ])
  })

  it('fail with their own stack', () => {
    const failed = {
      code: 'MONODON_APP_NOT_LOADED',
      cause: expect.stringContaining('factory.mjs:'),
    }
    const code = 'MONODON_APP_NOT_FOUND'
    expectAll([
      [
        'factory:fails()',
        {
          ...failed,
          message: expect.stringMatching(/factory\.mjs:fails\(\): TypeError: no database$/),
        },
      ],
      ['factory:rejects()', { ...failed, message: expect.stringMatching(/TypeError: no queue$/) }],
      [
        'factory:gives5()',
        { code, message: expect.stringContaining('gives5() gives 5 instead of') },
      ],
      [
        'factory:notOne()',
        { code, message: expect.stringContaining('object, which cannot be called') },
      ],
      [
        "factory:create('x')",
        { code, message: expect.stringContaining('the arguments must be JSON') },
      ],
    ])
  })
})

describe('a module that fails', () => {
  it('keeps its stack', () => {
    const code = 'MONODON_APP_NOT_LOADED'
    const [thrown, parsed, missing] = load('throws.mjs', 'parses', 'missing')
    expect(thrown).toMatchObject({
      code,
      message: expect.stringMatching(/: throws\.mjs: RangeError: at boot$/),
    })
    expect(thrown?.cause).toMatch(/at fall .*thrower\.mjs:3:/)
    expect(parsed).toMatchObject({ code, cause: expect.stringContaining('parses.mjs:1:') })
    expect(missing).toMatchObject({ code, message: expect.stringContaining("'not-installed'") })
  })

  it('shows file and line of a syntax error, wherever it is', () => {
    const code = 'MONODON_APP_SYNTAX'
    const at = (file: string, line: number) => ({
      code,
      message: expect.stringMatching(
        new RegExp(`: ${join(cwd, file)}:${line}(:\\d+)?: .+\n.*const y = = 2\n +\\^`),
      ),
    })
    expectAll([
      ['broken.mjs', at('broken.mjs', 2)],
      ['syntax.mjs', at('broken.mjs', 2)],
      ['broken.cjs', at('broken.cjs', 2)],
      ['broken.ts', { code, message: expect.stringContaining(`${join(cwd, 'broken.ts')}:2`) }],
      [
        'unexported.mjs',
        { code, message: expect.stringContaining('unexported.mjs:1: The requested module') },
      ],
    ])
  })
})

describe('TypeScript', () => {
  it('may have enums, decorators, namespaces, types without `type`, and .js for .ts', () => {
    expectAll([
      ['rich', { answer: 'red plain inner tagged named 3 1 true' }],
      ['typed.ts', { answer: 'typed 4' }],
    ])
  })

  it('shows the lines of the source in a stack', () => {
    const [result] = load('throws.ts')
    expect(result?.cause).toMatch(/throws\.ts:6:/)
  })
})

it('follows symbolic links', () => {
  symlinkSync(join(cwd, 'app.ts'), join(cwd, 'linked.ts'))
  expectAll([['linked', { answer: 'default of app.ts' }]])
})
