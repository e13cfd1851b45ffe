/** A Python app that cannot be loaded: exit code 3, and a text that says what was looked for, where, and why it failed. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fetchOnce } from '../support/client.ts'
import { describePython, requirePython } from '../support/python.ts'
import { COMMAND, SpawnedServer } from '../support/spawned.ts'
import { PATIENCE_MS } from '../support/wait.ts'

const APP =
  'def app(environ, start_response):\n    start_response("200 OK", [])\n    return [b"hello"]\n'

let folder: string
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'monodon-python-')))
})
afterEach(() => rmSync(folder, { recursive: true }))

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
}

const ENV = { PATH: process.env.PATH, PYTHONDONTWRITEBYTECODE: '1' }

/** Runs the command in the folder until it ends. */
function monodon(...args: string[]): { status: number | null; text: string } {
  const all = [COMMAND, ...args, '--bind', '127.0.0.1:0', '--python', requirePython()]
  const options = { cwd: folder, env: ENV, encoding: 'utf8', timeout: PATIENCE_MS } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, all, options)
  return { status, text: stdout + stderr }
}

describePython('a Python app that cannot be loaded', () => {
  test.each([
    ['raises', 'raise ValueError("at the top")', ['ValueError: at the top', 'main.py", line 1']],
    ['misses a package', 'import not_installed', ["No module named 'not_installed'"]],
    ['has a wrong syntax', 'def app(:\n', ['SyntaxError', 'main.py']],
    ['has no app', 'other = 1', ['main', 'app']],
    ['has an app that cannot be called', 'app = 7', ['app', 'int']],
    ['exits', 'import sys; sys.exit("no configuration")', ['no configuration']],
    ['crashes', 'import os; os._exit(9)', ['MONODON_APP_EXITED', 'exit code 9']],
  ])('because its module %s', (_, source, said) => {
    write({ 'main.py': source })
    const { status, text } = monodon('main:app')
    for (const part of said) expect(text).toContain(part)
    expect(status).toBe(3)
    expect(text).not.toContain('monodon_worker/')
  })

  test('names the interpreter and what was looked for', () => {
    const { status, text } = monodon('nowhere.at_all:app', '--interface', 'python')
    expect(status).toBe(3)
    expect(text).toContain('nowhere')
    expect(text).toContain(requirePython())
  })

  test('because its factory raises', () => {
    write({ 'main.py': 'def create_app(name):\n    raise KeyError(name)\n' })
    const { status, text } = monodon('main:create_app("production")')
    expect(status).toBe(3)
    expect(text).toContain("KeyError: 'production'")
    expect(text).toContain('in create_app')
  })

  test('because there is no such interpreter', () => {
    write({ 'main.py': APP })
    const args = [COMMAND, 'main:app', '--bind', '127.0.0.1:0', '--python', '/nowhere/python3']
    const options = { cwd: folder, env: ENV, encoding: 'utf8', timeout: PATIENCE_MS } as const
    const { status, stderr } = spawnSync(process.execPath, args, options)
    expect(status).toBe(3)
    expect(stderr).toContain('MONODON_PYTHON_MISSING')
    expect(stderr).toContain('/nowhere/python3')
  })

  test('is found out by --check-config, too', () => {
    write({ 'main.py': 'raise ValueError("at the top")', 'good.py': APP })
    expect(monodon('main:app', '--check-config')).toMatchObject({ status: 3 })
    expect(monodon('good:app', '--check-config')).toMatchObject({ status: 0 })
  })
})

describePython('a Python app is found', () => {
  let server: SpawnedServer | undefined
  afterEach(async () => {
    expect(await server?.stop()).toBe(0)
    server = undefined
  })

  const serves = async (app: string, ...flags: string[]): Promise<void> => {
    const all = ['--python', requirePython(), ...flags]
    server = await SpawnedServer.start(app, all, { PYTHONDONTWRITEBYTECODE: '1' }, folder)
    expect((await fetchOnce(server, '/')).body.toString()).toBe('hello')
  }

  test.each([
    ['main', 'application', 'main.py'],
    ['main:app', 'app', 'main.py'],
    ['main.py:app', 'app', 'main.py'],
    ['src/main.py:app', 'app', 'src/main.py'],
    ['shop.web:app', 'app', 'shop/web.py'],
  ])('as %s', async (name, attribute, file) => {
    write({ [file]: APP.replace('app', attribute) })
    await serves(name)
  })

  test('as what a factory makes', async () => {
    write({
      'main.py': `def create_app(greeting, *, loud=False):\n    assert loud\n${indent(APP)}    return app\n`,
    })
    await serves('main:create_app("hello", loud=True)')
  })

  test('in the folder of --chdir, with modules of --pythonpath', async () => {
    write({
      'project/main.py': `import helper\n${APP}`,
      'project/lib/helper.py': '',
    })
    await serves('main:app', '--chdir', 'project', '--pythonpath', 'lib')
  })
})

const indent = (text: string): string => text.replace(/^(?=.)/gm, '    ')
