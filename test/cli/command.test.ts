import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { shownDefault } from '../../lib/options/describe.ts'
import { kebab } from '../../lib/options/names.ts'
import { COMMANDS, OPTION_KEYS, rowOf } from '../../lib/options/table.ts'
import { PATIENCE_MS } from '../support/wait.ts'

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

let cwd: string
beforeEach(() => {
  cwd = realpathSync(mkdtempSync(join(tmpdir(), 'monodon-cli-')))
})
afterEach(() => rmSync(cwd, { recursive: true }))

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text)
}

function monodon(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    cwd,
    env: { PATH: process.env.PATH, ...env },
    encoding: 'utf8',
    timeout: PATIENCE_MS,
  })
  return { status, stdout, stderr }
}

/** The value and the source that `--print-config` shows for an option. */
function printed(name: string, args: readonly string[], env?: Readonly<Record<string, string>>) {
  const { stdout, stderr } = monodon(['--print-config', ...args], env)
  const line = stdout.split('\n').find((text) => text.startsWith(`${name} `))
  return line?.split(/ {2,}/).slice(1) ?? stderr
}

describe('commands', () => {
  it('--help names every flag, its default and its text', () => {
    const { status, stdout, stderr } = monodon(['--help'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const text = stdout.replace(/\s+/g, ' ')
    for (const key of OPTION_KEYS) {
      const row = rowOf(key)
      const short = row.short === undefined ? '' : `-${row.short}, `
      expect(text).toContain(`${short}--${kebab(key)}`)
      expect(text).toContain(row.doc)
      const otherwise = shownDefault(row)
      if (otherwise !== '') expect(text).toContain(`${row.doc} (default: ${otherwise})`)
    }
    for (const [key, { doc }] of Object.entries(COMMANDS)) {
      expect(text).toContain(`--${kebab(key)}`)
      expect(text).toContain(doc)
    }
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100)
  })

  it('--help and --version need nothing to be right', () => {
    write({ 'monodon.config.json': '{' })
    expect(monodon(['--help'], { MONODON_WORKERS: 'x' }).status).toBe(0)
    expect(monodon(['--version'], { MONODON_WORKERS: 'x' }).status).toBe(0)
  })

  it('--version shows what runs', () => {
    const { version } = JSON.parse(
      readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
    )
    const { platform, arch } = process
    expect(monodon(['--version'])).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(
        new RegExp(
          `^monodon ${version} \\(native [^,]+, node ${process.version}, ${platform}-${arch}\\)\n$`,
        ),
      ),
    })
  })

  it('--print-config shows every value with its source', () => {
    write({ 'monodon.config.json': '{"backlog": 7}' })
    const { status, stdout } = monodon(['--print-config', '-w', '2'], { PORT: '9' })
    expect(status).toBe(0)
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(OPTION_KEYS.length)
    // But for those with a long value.
    expect(lines.filter((line) => line.length > 120).length).toBeLessThan(5)
    expect(printed('workers', ['-w', '2'])).toEqual(['2', '--workers'])
    expect(printed('backlog', [])).toEqual(['7', `backlog in ${join(cwd, 'monodon.config.json')}`])
    expect(printed('bind', [], { PORT: '9' })).toEqual(['0.0.0.0:9', 'PORT'])
    expect(printed('keep-alive', [])).toEqual(['75s', 'default'])
  })

  it('--check-config loads the app once and ends, also when the app keeps the process busy', () => {
    write({
      'app.mjs': `
        import { appendFileSync } from 'node:fs'
        appendFileSync('loaded', 'x')
        setInterval(() => {}, 1000)
        export default () => 'x'`,
    })
    const { status, stdout, stderr } = monodon(['--check-config', 'app'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toBe(`OK: default of ${join(cwd, 'app.mjs')}\n`)
    expect(readFileSync(join(cwd, 'loaded'), 'utf8')).toBe('x')
  })

  it('--chdir is where the app lies, not where the config file does', () => {
    const elsewhere = realpathSync(mkdtempSync(join(tmpdir(), 'monodon-chdir-')))
    try {
      writeFileSync(join(elsewhere, 'app.mjs'), 'export default () => process.cwd()')
      writeFileSync(join(elsewhere, 'monodon.config.json'), '{"unknown": 1}')
      expect(monodon(['--check-config', '--chdir', elsewhere, 'app'])).toMatchObject({
        status: 0,
        stdout: `OK: default of ${join(elsewhere, 'app.mjs')}\n`,
      })
    } finally {
      rmSync(elsewhere, { recursive: true })
    }
  })
})

describe('config files', () => {
  it.each([
    ['monodon.config.ts', 'enum E { a = 3 }\nexport default { workers: E.a as number }'],
    ['monodon.config.mts', 'const workers: number = 3\nexport default { workers }'],
    ['monodon.config.mjs', 'export default { workers: 3 }'],
    ['monodon.config.js', 'module.exports = { workers: 3 }'],
    ['monodon.config.cjs', 'exports.__esModule = true; exports.default = { workers: 3 }'],
    ['monodon.config.json', '{ "workers": 3 }'],
    ['monodon.config.toml', 'workers = 3\nkeep-alive = "5s"'],
  ])('%s is read', (name, text) => {
    write({ [name]: text })
    expect(printed('workers', [])).toEqual(['3', `workers in ${join(cwd, name)}`])
    expect(printed('config', [])[0]).toBe(join(cwd, name))
  })

  it('may be named by a flag or a variable', () => {
    write({ 'my.toml': 'workers = 4', 'monodon.config.json': '{"workers": 3}' })
    expect(printed('workers', ['-c', 'my.toml'])[0]).toBe('4')
    expect(printed('workers', [], { MONODON_CONFIG: 'my.toml' })[0]).toBe('4')
  })

  it.each([
    ['monodon.config.json', '{', 'JSON'],
    ['monodon.config.toml', 'workers = = 3', 'monodon.config.toml: '],
    ['monodon.config.mjs', 'export default {\n', 'monodon.config.mjs:'],
    ['monodon.config.mjs', 'export const workers = 3', 'it has no default export'],
    ['monodon.config.mjs', 'throw new Error("no secret")', 'no secret'],
    ['monodon.config.mjs', 'export default 5', 'gives 5 instead of an object'],
  ])('%s with %j cannot be used', (name, text, message) => {
    write({ [name]: text })
    const { status, stderr } = monodon(['--print-config'])
    expect(status).toBe(2)
    expect(stderr).toMatch(/^monodon: the config file cannot be used: /)
    expect(stderr).toContain(message)
    expect(stderr).toContain(join(cwd, name))
    // The stack of a parser of data is none of the operator's.
    if (/json|toml/.test(name)) expect(stderr).not.toContain('\n    at ')
  })

  it('must be there, and only once', () => {
    expect(monodon(['--print-config', '-c', 'none.json'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining(`${join(cwd, 'none.json')}: there is no such file`),
    })
    write({ 'config.yaml': 'workers: 2' })
    expect(monodon(['--print-config', '-c', 'config.yaml'])).toEqual({
      status: 2,
      stdout: '',
      stderr: expect.stringMatching(
        /^monodon: .*config\.yaml: its name has to end with one of \.ts .* \.toml \(MONODON.*\n$/,
      ),
    })
    write({ 'monodon.config.json': '{}', 'monodon.config.toml': '' })
    expect(monodon(['--print-config'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('keep one of them'),
    })
  })
})

describe('what is wrong', () => {
  it.each([
    [['--wrokers', '2', 'app'], 2, 'unknown option: --wrokers; did you mean --workers?'],
    [['-b', 'foo', 'app'], 2, "bad value of an option: --bind is 'foo'; allowed: HOST:PORT"],
    [['-w', '0', 'app'], 2, "bad value of an option: --workers is '0'; allowed: a whole number"],
    [['--keep-alive', '0', 'app'], 2, '(without a unit: seconds), more than 0 and at most'],
    [['-p', '9000', 'app'], 2, "--pid is '9000'; allowed: the name of a file, with more than"],
    [[], 2, 'wrong usage: no app was named'],
    [['--check-config'], 2, 'wrong usage: no app was named'],
    [['a', 'b'], 2, 'wrong usage: one app expected'],
    [['--chdir', 'nowhere', 'app'], 2, 'nowhere, which is no directory'],
    [['--check-config', 'nowhere'], 3, 'the app cannot be found: looked for'],
    [['--check-config', 'app.mjs:nope'], 3, 'app.mjs has no export "nope"; it exports:'],
  ])('%j ends with %i and one line', (args, status, message) => {
    write({ 'app.mjs': 'export default () => 1' })
    const result = monodon(args)
    expect(result).toMatchObject({ status, stdout: '', stderr: expect.stringContaining(message) })
    expect(result.stderr).toMatch(/^monodon: .*\(MONODON_\w+; to do: .*\)\n$/)
  })

  it.each([0, 4])('does not take an app for loaded that ends the process with %i', (code) => {
    write({ 'app.mjs': `process.exit(${code})` })
    expect(monodon(['--check-config', 'app'])).toMatchObject({
      status: 3,
      stdout: '',
      stderr: expect.stringMatching(`: exit code ${code} \\(MONODON_APP_EXITED; to do: .*\\)\n$`),
    })
  })

  it('shows the stack of an app that throws', () => {
    write({ 'app.mjs': 'export default 1\nthrow new Error("no database")' })
    const { status, stderr } = monodon(['--check-config', 'app'])
    expect(status).toBe(3)
    expect(stderr).toMatch(/^monodon: .*app\.mjs: Error: no database \(MONODON_APP_NOT_LOADED/)
    expect(stderr).toMatch(/app\.mjs:2:/)
  })
})

describe('an address that cannot be had', () => {
  it('is told in one line, once', async () => {
    write({ 'app.mjs': 'export default () => new Response()' })
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const todo =
      'to do: free the address, permit this user to have it, create the folder of a Unix socket, or choose another: with --bind, unless another option is named'
    for (const [bind, why] of [
      [`127.0.0.1:${port}`, 'another program listens there (EADDRINUSE)'],
      ['192.0.2.1:0', 'this machine does not have that address (EADDRNOTAVAIL)'],
    ])
      expect(monodon(['app.mjs', '--bind', bind!])).toEqual({
        status: 1,
        stdout: '',
        stderr: `monodon: cannot listen on ${bind}: ${why} (MONODON_BIND_FAILED; ${todo})\n`,
      })
    other.close()
  })

  it('says of a host that nobody knows that it is the name', () => {
    write({ 'app.mjs': 'export default () => new Response()' })
    for (const option of ['--bind', '--metrics-bind']) {
      const { status, stderr } = monodon([
        'app.mjs',
        ...[
          '--bind',
          '127.0.0.1:0',
          option,
          'nowhere.invalid:80',
          '--observe-token',
          'a-token-of-the-tests',
        ],
      ])
      expect(stderr).toMatch(
        /nowhere\.invalid.*\(MONODON_HOST_UNKNOWN; to do: correct the name, have this machine know it/,
      )
      expect(status).toBe(1)
    }
  })
})
