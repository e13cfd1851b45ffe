/** The command line: `monodon APP [options]`. */

import { MonodonError } from '../errors.ts'
import { didYouMean, kebab } from './names.ts'
import { COMMANDS, type Command, OPTION_KEYS, type OptionKey, rowOf } from './table.ts'

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
  readonly command: Command | undefined
  readonly flags: Layer
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

/**
 * Reads the arguments after `monodon`. A flag that is given twice counts as given last, except for
 * those that may be repeated.
 *
 * @throws MonodonError `MONODON_UNKNOWN_OPTION`, `MONODON_BAD_OPTION`, `MONODON_USAGE`
 */
export function readArgs(argv: readonly string[]): Args {
  const flags = new Map<OptionKey, Given>()
  const apps: string[] = []
  let command: Command | undefined
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index]!
    if (argument === '--') {
      apps.push(...argv.slice(index + 1))
      break
    }
    if (!argument.startsWith('-') || argument === '-') {
      apps.push(argument)
      continue
    }
    const { name, attached } = splitFlag(argument)
    const target = LONG.get(name)
    if (target === undefined) throw unknownFlag(name)
    const isSwitch = target.option === undefined || rowOf(target.option).type === 'boolean'
    if (target.option === undefined) {
      if (attached !== undefined) throw badFlag(name, 'takes no value')
      command ??= target.command
    } else if (isSwitch) {
      flags.set(target.option, { raw: attached ?? true, origin: name })
    } else {
      const value = attached ?? argv[++index]
      if (value === undefined || (attached === undefined && looksLikeFlag(value)))
        throw badFlag(name, 'needs a value')
      addFlag(flags, target.option, name, value)
    }
  }
  if (apps.length > 1)
    throw new MonodonError('MONODON_USAGE', {
      detail: `one app expected, given: ${apps.join(' ')}`,
    })
  return { app: apps[0], command, flags }
}

/** Parts `--name=value`, `-nvalue` and `-n`; `name` is always the long one. */
function splitFlag(argument: string): { name: string; attached: string | undefined } {
  if (argument.startsWith('--')) {
    const equals = argument.indexOf('=')
    if (equals < 0) return { name: argument, attached: undefined }
    return { name: argument.slice(0, equals), attached: argument.slice(equals + 1) }
  }
  const long = SHORT.get(argument.slice(0, 2))
  if (long === undefined) return { name: argument, attached: undefined }
  const attached = argument.slice(2).replace(/^=/, '')
  return { name: long, attached: attached === '' ? undefined : attached }
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
  if (rowOf(option).type !== 'addresses') {
    flags.set(option, { raw: value, origin: name })
    return
  }
  const before = flags.get(option)?.raw
  const items = Array.isArray(before) ? before : []
  flags.set(option, { raw: [...items, ...value.split(',')], origin: name })
}

function unknownFlag(name: string): MonodonError {
  const detail = `${name}${didYouMean(name, [...LONG.keys()])}`
  return new MonodonError('MONODON_UNKNOWN_OPTION', { detail })
}

function badFlag(name: string, fault: string): MonodonError {
  return new MonodonError('MONODON_BAD_OPTION', { detail: `${name} ${fault}` })
}
