/** The command line: `monodon APP [options]` and `monodon dev APP [options]`. */

import { MonodonError } from '../errors.ts'
import { ALIASES, explain, type Refusal, refusalOf, refusedValue } from './gunicorn.ts'
import { didYouMean, kebab } from './names.ts'
import { COMMANDS, type Command, OPTION_KEYS, type OptionKey, rowOf } from './table.ts'
import { allowedValues, splitList } from './values.ts'

/** What one place says about an option, before it is checked. */
export interface Given {
  readonly raw: unknown
  /** Where it was given, for people: `--workers`, `MONODON_WORKERS`. */
  readonly origin: string
}

/** What one kind of place says. */
export type Layer = ReadonlyMap<OptionKey, Given>

export interface Args {
  readonly app: string | undefined
  /** `monodon dev`. */
  readonly isDev: boolean
  /** What follows `--` after the app: arguments of its own. */
  readonly args: readonly string[]
  readonly command: Command | undefined
  readonly flags: Layer
}

/** A flag as it was written, parted from the value that is attached to it. */
interface Flag {
  /** As it was given: `-w`, `--log-file`. */
  readonly given: string
  /** The long flag that it stands for: `--workers`, `--error-logfile`. */
  readonly name: string
  readonly attached: string | undefined
}

/** What was read so far. */
interface Found {
  /** The app, and before it perhaps the subcommand. */
  readonly words: string[]
  readonly flags: Map<OptionKey, Given>
  /** One line about each option of Gunicorn that has no meaning here. */
  readonly refused: string[]
  command: Command | undefined
}

interface FlagTarget {
  readonly option?: OptionKey
  readonly command?: Command
}

const LONG: ReadonlyMap<string, FlagTarget> = new Map<string, FlagTarget>([
  ...OPTION_KEYS.map((option): [string, FlagTarget] => [`--${kebab(option)}`, { option }]),
  ...commandKeys().map((command): [string, FlagTarget] => [`--${kebab(command)}`, { command }]),
])

const SHORT: ReadonlyMap<string, string> = new Map(
  [
    ...OPTION_KEYS.map((key) => [rowOf(key).short, `--${kebab(key)}`] as const),
    ...commandKeys().map((key) => [COMMANDS[key].short, `--${kebab(key)}`] as const),
  ].flatMap(([short, long]) => (short === undefined ? [] : [[`-${short}`, long] as const])),
)

function commandKeys(): Command[] {
  return Object.keys(COMMANDS) as Command[]
}

/** The one subcommand. An app of this name is `./dev`, or comes after `--`. */
const DEV = 'dev'

/**
 * Reads the arguments after `monodon`. A flag that is given twice counts as given last, except for
 * those that may be repeated.
 *
 * @throws MonodonError `MONODON_UNKNOWN_OPTION`, `MONODON_BAD_OPTION`, `MONODON_USAGE`;
 *   `MONODON_GUNICORN_OPTION` names all options of Gunicorn that have no meaning here
 */
export function readArgs(argv: readonly string[]): Args {
  const found: Found = { words: [], flags: new Map(), refused: [], command: undefined }
  let afterDashes: readonly string[] = []
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index]!
    if (argument === '--') {
      afterDashes = argv.slice(index + 1)
      break
    }
    if (!argument.startsWith('-') || argument === '-') found.words.push(argument)
    else if (readFlag(found, splitFlag(argument), argv[index + 1])) index += 1
  }
  const { words, flags, refused, command } = found
  const isDev = words[0] === DEV
  const apps = words.slice(isDev ? 1 : 0)
  // The app may stand after the dashes, if it looks like a flag.
  const rest = apps.length === 0 ? 1 : 0
  apps.push(...afterDashes.slice(0, rest))
  const args = afterDashes.slice(rest)
  if (refused.length > 0)
    throw new MonodonError('MONODON_GUNICORN_OPTION', { detail: inLines(refused) })
  if (apps.length > 1)
    throw new MonodonError('MONODON_USAGE', {
      detail: `one app expected, given: ${apps.join(' ')}`,
    })
  return { app: apps[0], args, isDev, command, flags }
}

/** Reads one flag; true when the next argument was its value. */
function readFlag(found: Found, flag: Flag, next: string | undefined): boolean {
  const { name, attached } = flag
  const refusal = refusalOf(name)
  if (refusal !== undefined) return readRefused(found, flag, refusal, next)
  const target = LONG.get(name)
  if (target === undefined) throw unknownFlag(name)
  if (target.option === undefined) {
    if (attached !== undefined) throw badFlag(name, 'takes no value')
    found.command ??= target.command
    return false
  }
  if (rowOf(target.option).type === 'boolean') {
    found.flags.set(target.option, { raw: attached ?? true, origin: name })
    return false
  }
  const value = attached ?? next
  if (value === undefined || (attached === undefined && looksLikeFlag(value)))
    throw badFlag(name, `needs a value; allowed: ${allowedValues(rowOf(target.option))}`)
  const why = refusedValue(target.option, value)
  if (why === undefined) addFlag(found.flags, target.option, name, value)
  else found.refused.push(`${flag.given} ${value}: ${why}`)
  return attached === undefined
}

/** A flag of Gunicorn's with no meaning here: what looks like its value is no app. */
function readRefused(
  found: Found,
  { given, attached }: Flag,
  refusal: Refusal,
  next: string | undefined,
): boolean {
  const isOpen = refusal.takesValue && attached === undefined
  const takesNext = isOpen && next !== undefined && !looksLikeFlag(next)
  found.refused.push(explain(given, refusal, takesNext ? next : attached))
  return takesNext
}

/** Parts `--name=value`, `-nvalue` and `-n`. */
function splitFlag(argument: string): Flag {
  if (argument.startsWith('--')) {
    const equals = argument.indexOf('=')
    const given = equals < 0 ? argument : argument.slice(0, equals)
    const attached = equals < 0 ? undefined : argument.slice(equals + 1)
    return { given, name: ALIASES.get(given) ?? given, attached }
  }
  const given = argument.slice(0, 2)
  const name = SHORT.get(given) ?? (refusalOf(given) === undefined ? undefined : given)
  if (name === undefined) return { given: argument, name: argument, attached: undefined }
  const attached = argument.slice(2).replace(/^=/, '')
  return { given, name, attached: attached === '' ? undefined : attached }
}

/** One fault stays on the line of the error; of several, each has its own. */
function inLines(faults: readonly string[]): string {
  return faults.length === 1 ? faults[0]! : faults.map((fault) => `\n  ${fault}`).join('')
}

/** `-1` is a (bad) value; `--workers` and `-w` are flags whose forerunner lacks its value. */
function looksLikeFlag(text: string): boolean {
  return /^-[^\d]/.test(text)
}

function addFlag(
  flags: Map<OptionKey, Given>,
  option: OptionKey,
  name: string,
  value: string,
): void {
  const row = rowOf(option)
  if (row.type !== 'addresses' && row.type !== 'list') {
    flags.set(option, { raw: value, origin: name })
    return
  }
  const before = flags.get(option)?.raw
  const items = Array.isArray(before) ? before : []
  const given = row.type === 'list' ? splitList(row, value) : value.split(',')
  flags.set(option, { raw: [...items, ...given], origin: name })
}

/** Flags of uvicorn, Granian, Hypercorn and of the servers of frameworks that are called otherwise here. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ['--host', '--bind HOST:PORT'],
  ['--port', '--bind HOST:PORT'],
  ['--uds', '--bind unix:PATH'],
  ['--fd', '--bind fd://N'],
  ['--watch', '--reload, or monodon dev'],
  ['--ssl', '--certfile, with --keyfile'],
  ['--tls', '--certfile, with --keyfile'],
  ['--ssl-certfile', '--certfile'],
  ['--ssl-certificate', '--certfile'],
  ['--ssl-keyfile', '--keyfile'],
])

function unknownFlag(name: string): MonodonError {
  const here = ELSEWHERE.get(name)
  const hint = here === undefined ? didYouMean(name, [...LONG.keys()]) : `; here it is ${here}`
  const detail = `${name}${hint}`
  return new MonodonError('MONODON_UNKNOWN_OPTION', { detail })
}

function badFlag(name: string, fault: string): MonodonError {
  return new MonodonError('MONODON_BAD_OPTION', { detail: `${name} ${fault}` })
}
