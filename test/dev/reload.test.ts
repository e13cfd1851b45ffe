/** `--reload` as its user sees it: files change, and the app is another. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { serve } from 'monodon'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fetchOnce } from '../support/client.ts'
import { describePython } from '../support/python.ts'
import { COMMAND } from '../support/spawned.ts'
import { until } from '../support/wait.ts'
import { Project } from './project.ts'

const TIMEOUT = { timeout: 60_000 }

let project: Project
beforeEach(() => {
  project = new Project()
})
afterEach(() => project.close())

/** A module whose load does not come to its end, in a thread that has something to do. */
const HANGS = 'setInterval(() => {}, 1000)\nawait new Promise(() => {})'

const says = (text: string): string => `export default () => new Response(${JSON.stringify(text)})`

describe.each([
  ['threads', []],
  ['processes', ['--worker-class', 'process']],
  ['threads, by looks alone', ['--reload-engine', 'poll']],
])('workers in %s', (_, flags) => {
  test('are replaced however the file is written', TIMEOUT, async () => {
    project.write('app.mjs', says('1'))
    await project.start('app.mjs', '--reload', ...flags)
    expect(await project.get()).toBe('1')
    project.write('app.mjs', says('in place'))
    await project.becomes('in place')
    project.replace('app.mjs', says('by rename'))
    await project.becomes('by rename')
    project.remove('app.mjs')
    expect(await project.get()).toBe('by rename')
    project.write('app.mjs', says('created anew'))
    await project.becomes('created anew')
    expect(new Set(project.reloads)).toEqual(new Set(['app.mjs changed']))
    expect(project.server.entries('ERROR')).toEqual([])
  })

  test('go on with the old code where the new cannot be loaded', TIMEOUT, async () => {
    project.write('app.mjs', says('old'))
    await project.start('app.mjs', '--reload', ...flags)
    project.write('app.mjs', 'export default = ')
    await project.logs('goes on, as its successor failed')
    expect(project.server.output).toMatch(/app\.mjs:1:/)
    expect(await project.get()).toBe('old')
    project.write('app.mjs', says('new'))
    await project.becomes('new')
  })

  test('show the error with --dev until it is corrected', TIMEOUT, async () => {
    project.write('app.mjs', says('old'))
    await project.start('app.mjs', '--reload', '--dev', ...flags)
    project.write('app.mjs', "throw new RangeError('at load')")
    await until('the error', async () => (await project.get()).includes('RangeError: at load'))
    const { status, headers } = await fetchOnce(project.server, '/any')
    expect({ status, type: headers['content-type'] }).toEqual({
      status: 500,
      type: 'text/plain; charset=utf-8',
    })
    project.write('app.mjs', says('new'))
    await project.becomes('new')
  })

  test('answer from the first start on, also when the app is broken', TIMEOUT, async () => {
    project.write('app.mjs', "import './dep.mjs'\nexport default () => new Response('works')")
    project.write('dep.mjs', 'syntax error')
    await project.start('app.mjs', '--reload', ...flags)
    const { status, body } = await fetchOnce(project.server, '/')
    expect(status).toBe(500)
    expect(body.toString()).toBe('The app cannot be loaded. The log of the server says why.\n')
    expect(project.server.output).toContain('dep.mjs:1')
    project.write('dep.mjs', '')
    await project.becomes('works')
  })

  test('that do not come to their end while they load are not waited for', TIMEOUT, async () => {
    project.write('app.mjs', says('old'))
    await project.start('app.mjs', '--reload', ...flags)
    project.write('app.mjs', HANGS)
    await project.logs('Reloading: ')
    project.write('app.mjs', says('new'))
    await project.becomes('new')
    expect(project.server.entries('ERROR')).toEqual([])
  })
})

test('a first start that does not come to its end begins anew', TIMEOUT, async () => {
  project.write('app.mjs', `import './begun.mjs'\n${HANGS}`)
  project.write('begun.mjs', "import { writeFileSync } from 'node:fs'\nwriteFileSync('begun', '')")
  const started = project.start('app.mjs', '--reload', '--worker-class', 'process')
  await until('the load to begin', () => existsSync(join(project.folder, 'begun')))
  project.write('app.mjs', says('new'))
  await started
  expect(await project.get()).toBe('new')
  expect(project.server.output).toContain('Booting anew: app.mjs changed')
})

describe('what is loaded', () => {
  test('is watched: modules of all kinds, also those that are loaded late', TIMEOUT, async () => {
    project.write(
      'app.ts',
      `import { createRequire } from 'node:module'
       import { typescript } from './src/typescript.ts'
       import common from './common.cjs'
       import data from './data.json' with { type: 'json' }
       const required: string = createRequire(import.meta.url)('./required.cjs')
       export default async (request: Request) => {
         if (request.url.endsWith('/late')) return new Response((await import('./late.mjs')).default)
         return new Response([typescript, common, data.json, required].join(' '))
       }`,
    )
    project.write('src/typescript.ts', "export const typescript: string = 'a'")
    project.write('common.cjs', "module.exports = require('./inner.json').inner")
    project.write('inner.json', '{"inner":"b"}')
    project.write('data.json', '{"json":"c"}')
    project.write('required.cjs', "module.exports = 'd'")
    project.write('late.mjs', "export default 'e'")
    await project.start('app.ts', '--reload')
    expect(await project.get()).toBe('a b c d')
    project.write('src/typescript.ts', "export const typescript: string = 'A'")
    await project.becomes('A b c d')
    project.replace('inner.json', '{"inner":"B"}')
    await project.becomes('A B c d')
    project.write('data.json', '{"json":"C"}')
    await project.becomes('A B C d')
    project.replace('required.cjs', "module.exports = 'D'")
    await project.becomes('A B C D')
    expect(await project.get('/late')).toBe('e')
    project.write('late.mjs', "export default 'E'")
    await project.becomes('E', '/late')
  })

  test('is watched where TypeScript needs more than its types removed', TIMEOUT, async () => {
    const dependency = (text: string) => `export enum Text { Value = '${text}' }`
    project.write(
      'app.ts',
      `import { Text } from './dep'
       export default async (request: Request) => new Response(
         request.url.endsWith('/late') ? (await import('./late')).text : Text.Value)`,
    )
    project.write('dep.ts', dependency('1'))
    project.write('late.ts', "export const text: string = 'a'")
    await project.start('app.ts', '--reload')
    expect(await project.get()).toBe('1')
    project.write('dep.ts', dependency('2'))
    await project.becomes('2')
    expect(await project.get('/late')).toBe('a')
    project.write('late.ts', "export const text: string = 'b'")
    await project.becomes('b', '/late')
    project.write('dep.ts', 'export enum = ')
    await project.logs('dep.ts:1:')
    project.write('dep.ts', dependency('3'))
    await project.becomes('3')
  })

  test.each(['mjs', 'cjs', 'ts'])('is watched when it comes to be: %s', TIMEOUT, async (kind) => {
    const file = kind === 'ts' ? 'dep.ts' : `dep.${kind}`
    const specifier = kind === 'ts' ? './dep' : `./${file}`
    const app = `app.${kind}`
    const load = kind === 'cjs' ? `require('${specifier}')` : `await import('${specifier}')`
    const lead = kind === 'cjs' ? 'module.exports =' : 'export default'
    project.write(app, `const { text } = ${load}\n${lead} () => new Response(text)`)
    await project.start(app, '--reload')
    expect((await fetchOnce(project.server, '/')).status).toBe(500)
    const value = kind === 'cjs' ? "exports.text = 'here'" : "export const text = 'here'"
    project.write(file, value)
    await project.becomes('here')
  })

  test('is watched after its folder was away', TIMEOUT, async () => {
    const app = "export { default } from './lib/deep/dep.mjs'"
    project.write('app.mjs', app)
    project.write('lib/deep/dep.mjs', says('1'))
    await project.start('app.mjs', '--reload')
    project.remove('lib')
    expect(await project.get()).toBe('1')
    project.write('lib/deep/dep.mjs', says('22'))
    await project.becomes('22')
    // The events of the new folder count, too.
    mkdirSync(join(project.folder, 'other/deep'), { recursive: true })
    project.write('other/deep/dep.mjs', says('333'))
    renameSync(join(project.folder, 'lib'), join(project.folder, 'old'))
    renameSync(join(project.folder, 'other'), join(project.folder, 'lib'))
    await project.becomes('333')
  })

  test('is not watched in packages and hidden folders, unless asked for', TIMEOUT, async () => {
    const imports = ['kept', 'asked'].map((name) => `import ${name} from '${name}'\n`).join('')
    const answer = "export default () => new Response([kept, asked, made, own].join(' '))"
    project.write(
      'app.mjs',
      `${imports}import made from './.made/made.mjs'
      import own from './written.mjs'\n${answer}`,
    )
    const files = {
      kept: 'node_modules/kept/index.js',
      asked: 'node_modules/asked/index.js',
      made: '.made/made.mjs',
      own: 'written.mjs',
    }
    for (const file of Object.values(files)) {
      if (file.startsWith('node_modules'))
        project.write(join(file, '../package.json'), '{"type":"module","main":"index.js"}')
      project.write(file, "export default '1'")
    }
    const flags = ['--reload-include', 'node_modules/asked/**', '--reload-exclude', 'writ*.mjs']
    await project.start('app.mjs', '--reload', ...flags)
    for (const file of Object.values(files)) project.write(file, "export default '2'")
    await project.becomes('2 2 2 2')
    expect(project.reloads).toEqual(['node_modules/asked/index.js changed'])
  })

  test('may be more than modules', TIMEOUT, async () => {
    project.write('view.html', 'a')
    project.write(
      'app.mjs',
      `import { existsSync, readFileSync } from 'node:fs'
       const read = (name) => existsSync(name) ? readFileSync(name, 'utf8') : '-'
       const text = read('view.html') + read('.env')
       export default () => new Response(text)`,
    )
    await project.start('app.mjs', '--reload', '--reload-extra-file', 'view.html')
    expect(await project.get()).toBe('a-')
    project.write('view.html', 'b')
    await project.becomes('b-')
    project.write('.env', 'c')
    await project.becomes('bc')
  })
})

test('a change of the config file is told', TIMEOUT, async () => {
  project.write('app.mjs', says('1'))
  project.write('monodon.config.json', '{"reload": true}')
  await project.start('app.mjs')
  project.write('monodon.config.json', '{"reload": true, "workers": 2}')
  await project.logs('monodon.config.json changed, which is read once: restart monodon to have it')
  expect(project.reloads).toEqual([])
})

test(
  'an app that dies again and again is loaded at once when it is corrected',
  TIMEOUT,
  async () => {
    project.write('app.mjs', says('1'))
    await project.start('app.mjs', '--reload', '--worker-class', 'process')
    project.write('app.mjs', "setTimeout(() => { throw new Error('later') }, 1)\nexport default 7")
    project.write('app.mjs', `setTimeout(() => { throw new Error('later') }, 1)\n${says('2')}`)
    await until('several deaths', () => project.count('MONODON_WORKER_DIED') >= 4)
    project.write('app.mjs', says('3'))
    await project.becomes('3')
  },
)

test('an app that is not there is waited for', TIMEOUT, async () => {
  await project.start('app.ts', '--reload', '--dev')
  expect(await project.get()).toContain('MONODON_APP_NOT_FOUND')
  project.write('app.ts', says('here'))
  await project.becomes('here')
})

test('a signal ends a server whose app does not come to the end of its load', TIMEOUT, async () => {
  project.write('app.mjs', says('unused'))
  await project.start('app.mjs') // for `afterEach`
  project.write('hangs.mjs', `console.log('begun')\n${HANGS}`)
  const child = spawn(process.execPath, [COMMAND, 'hangs.mjs', '--bind', '127.0.0.1:0'], {
    cwd: project.folder,
  })
  let output = ''
  child.stdout.on('data', (data) => {
    output += data
  })
  await until('the load to begin', () => output.includes('begun'))
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGINT')
  expect(await ended).toBe(0)
})

describe('options', () => {
  test('serve() refuses to reload', TIMEOUT, async () => {
    project.write('app.mjs', says('unused'))
    await project.start('app.mjs') // for `afterEach`
    await expect(serve(() => new Response(''), { reload: true })).rejects.toThrow(
      'reload is for the command',
    )
  })
})

describePython('a Python app', () => {
  const app = (text: string): string => `
import helper
def app(environ, start_response):
    text = ${JSON.stringify(text)} + helper.text
    if environ['PATH_INFO'] == '/late':
        from package import late
        text = late.text
    start_response('200 OK', [])
    return [text.encode()]
`
  beforeEach(() => {
    project.write('app.py', app('a'))
    project.write('helper.py', "text = '1'\n")
    project.write('package/__init__.py', '')
    project.write('package/late.py', "text = 'late'\n")
  })

  test.each([
    ['one thread', []],
    ['threads', ['--threads', '2']],
  ])('with %s is replaced when its modules change', TIMEOUT, async (_, flags) => {
    await project.startPython('app:app', '--reload', ...flags)
    expect(await project.get()).toBe('a1')
    project.write('app.py', app('b'))
    await project.becomes('b1')
    project.replace('helper.py', "text = '22'\n")
    await project.becomes('b22')
    expect(await project.get('/late')).toBe('late')
    project.write('package/late.py', "text = 'later'\n")
    await project.becomes('later', '/late')
    const names = project.reloads.join(' ')
    expect(names).toMatch(/app\.py changed.*helper\.py changed.*package\/late\.py changed/)
  })

  test('goes on, or shows the error with --dev, while it cannot be loaded', TIMEOUT, async () => {
    await project.startPython('app:app', '--reload')
    project.write('helper.py', 'import not_there_yet\n')
    await project.logs('goes on, as its successor failed')
    expect(await project.get()).toBe('a1')
    project.write('not_there_yet.py', '')
    await project.logs('Reloaded')
    project.write('helper.py', "text = '22'\n")
    await project.becomes('a22')
    await project.server.stop()

    await project.startPython('app:app', '--reload', '--dev')
    project.write('helper.py', 'def = 1\n')
    await until('the error', async () => (await project.get()).includes('SyntaxError'))
    project.write('helper.py', "text = '333'\n")
    await project.becomes('a333')
  })

  test('answers from the first start on, also when it is broken', TIMEOUT, async () => {
    project.write('helper.py', "raise KeyError('SECRET')\n")
    await project.startPython('app:app', '--reload')
    const { status, body } = await fetchOnce(project.server, '/')
    expect(status).toBe(500)
    expect(body.toString()).toBe('The app cannot be loaded. The log of the server says why.\n')
    project.write('helper.py', "text = '22'\n")
    await project.becomes('a22')
  })
})
