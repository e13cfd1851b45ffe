import { describe, expect, it } from 'vitest'
import { readArgs } from '../../lib/options/args.ts'

const given = (...argv: string[]) =>
  Object.fromEntries([...readArgs(argv).flags].map(([key, { raw }]) => [key, raw]))

describe('readArgs', () => {
  it.each([
    [['--workers', '3']],
    [['--workers=3']],
    [['-w', '3']],
    [['-w3']],
    [['-w=3']],
    [['--workers=1', '-w', '3']],
  ])('reads %j', (argv) => expect(given(...argv)).toEqual({ workers: '3' }))

  it('finds the app before, between and after flags', () => {
    for (const argv of [
      ['app:app', '-w', '2', '--dev'],
      ['-w', '2', 'app:app', '--dev'],
      ['-w', '2', '--dev', 'app:app'],
      ['-w', '2', '--dev', '--', 'app:app'],
    ])
      expect(readArgs(argv)).toMatchObject({ app: 'app:app', command: undefined })
  })

  it('leaves to the app what follows the dashes behind it', () => {
    expect(readArgs(['server.js', '-w', '2', '--', '--flag', 'x'])).toMatchObject({
      app: 'server.js',
      args: ['--flag', 'x'],
    })
    expect(readArgs(['--', 'server.js', '-v'])).toMatchObject({ app: 'server.js', args: ['-v'] })
    expect(readArgs(['server.js'])).toMatchObject({ args: [] })
  })

  it('collects what may be repeated, and names the long flag as origin', () => {
    const { flags } = readArgs(['-b', 'a:1', '--bind=b:2,c:3'])
    expect(flags.get('bind')).toEqual({ raw: ['a:1', 'b:2', 'c:3'], origin: '--bind' })
  })

  it('reads switches without taking the next argument', () => {
    expect(readArgs(['--dev', 'app'])).toMatchObject({ app: 'app' })
    expect(given('--dev')).toEqual({ dev: true })
    expect(given('--dev=false')).toEqual({ dev: 'false' })
  })

  it('knows the subcommand dev, and an app of that name', () => {
    for (const argv of [
      ['dev', 'app.ts', '-w', '2'],
      ['-w', '2', 'dev', 'app.ts'],
      ['dev', '--', 'app.ts'],
    ])
      expect(readArgs(argv)).toMatchObject({ isDev: true, app: 'app.ts' })
    expect(readArgs(['dev'])).toMatchObject({ isDev: true, app: undefined })
    expect(readArgs(['dev', 'dev'])).toMatchObject({ isDev: true, app: 'dev' })
    for (const app of ['./dev', 'dev.ts', 'dev:app', 'app'])
      expect(readArgs([app])).toMatchObject({ isDev: false, app })
    expect(readArgs(['--', 'dev'])).toMatchObject({ isDev: false, app: 'dev' })
    expect(() => readArgs(['dev', 'a', 'b'])).toThrow('one app expected, given: a b')
  })

  it('takes a negative number for a value, so that the value is what is refused', () => {
    expect(given('-w', '-1')).toEqual({ workers: '-1' })
  })

  it.each([
    ['--help', 'help'],
    ['-h', 'help'],
    ['--version', 'version'],
    ['-v', 'version'],
    ['--check-config', 'checkConfig'],
    ['--print-config', 'printConfig'],
  ])('knows %s', (flag, command) => expect(readArgs([flag]).command).toBe(command))

  it.each([
    [['--wrokers', '2'], 'MONODON_UNKNOWN_OPTION', '--wrokers; did you mean --workers?'],
    [['--keepalive=2'], 'MONODON_UNKNOWN_OPTION', '--keepalive; did you mean --keep-alive?'],
    [['--limit-request-b', '1'], 'MONODON_UNKNOWN_OPTION', 'did you mean --limit-request-body?'],
    [['-x'], 'MONODON_UNKNOWN_OPTION', 'unknown option: -x'],
    [['--constructor'], 'MONODON_UNKNOWN_OPTION', '--constructor'],
    [['--watch'], 'MONODON_UNKNOWN_OPTION', '--watch; here it is --reload, or monodon dev'],
    [['--ssl'], 'MONODON_UNKNOWN_OPTION', '--ssl; here it is --certfile, with --keyfile'],
    [['--port', '80'], 'MONODON_UNKNOWN_OPTION', '--port; here it is --bind HOST:PORT'],
    [['--workers'], 'MONODON_BAD_OPTION', '--workers needs a value; allowed: a whole number'],
    [['-w', '--dev'], 'MONODON_BAD_OPTION', '--workers needs a value'],
    [['--help=1'], 'MONODON_BAD_OPTION', '--help takes no value'],
    [['a', 'b'], 'MONODON_USAGE', 'one app expected, given: a b'],
  ])('refuses %j', (argv, code, message) => {
    expect(() => readArgs(argv)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    )
  })

  it.each(['--xyzzy', '--cors'])('names nothing when nothing is near: %s', (flag) => {
    expect(() => readArgs([flag])).toThrow(new RegExp(`: ${flag}$`))
  })
})
