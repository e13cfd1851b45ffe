/** The arguments of `monodon ctl`, and of the other commands that ask a running server. */

import { ACTION_NAMES, actionOf } from '../../control/actions.ts'
import { MonodonError } from '../../errors.ts'
import type { Given } from '../../options/args.ts'
import { kebab } from '../../options/names.ts'
import type { OptionKey } from '../../options/table.ts'

/** Options that tell where the server's socket is. */
export const CTL_OPTIONS = ['controlSocket', 'config', 'chdir'] as const satisfies OptionKey[]

/** What is answered once; `monodon trace` has the one that goes on. */
export const CTL_COMMANDS = ACTION_NAMES.filter((name) => actionOf(name).follow === undefined)

export interface CtlArgs {
  readonly command: string | undefined
  readonly argument: string | undefined
  /** Prints the server's answer as it came. */
  readonly json: boolean
  readonly help: boolean
  readonly flags: ReadonlyMap<OptionKey, Given>
}

/** Flags of a command that are no options of the server. */
export interface ClientForm {
  /** For people: `monodon ctl`. */
  readonly name: string
  readonly switches: readonly string[]
  /** Flags with a value. */
  readonly values: readonly string[]
}

export interface ClientArgs {
  readonly words: readonly string[]
  readonly flags: ReadonlyMap<OptionKey, Given>
  readonly switches: ReadonlySet<string>
  readonly values: ReadonlyMap<string, string>
}

/** @throws MonodonError `MONODON_USAGE` */
export function readCtlArgs(argv: readonly string[]): CtlArgs {
  const form = { name: 'monodon ctl', switches: ['--json', '--help', '-h'], values: [] }
  const { words, flags, switches } = readClientArgs(argv, form)
  const [command, argument, ...rest] = words
  if (rest.length > 0) throw usage(`one command expected, given: ${words.join(' ')}`)
  const help = switches.has('--help') || switches.has('-h')
  return { command, argument, json: switches.has('--json'), help, flags }
}

/**
 * Reads the arguments of a command that asks a running server, with `CTL_OPTIONS` among them. A flag
 * that is given twice counts as given last.
 *
 * @throws MonodonError `MONODON_USAGE`
 */
export function readClientArgs(argv: readonly string[], form: ClientForm): ClientArgs {
  const words: string[] = []
  const flags = new Map<OptionKey, Given>()
  const switches = new Set<string>()
  const values = new Map<string, string>()
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index]!
    const [name = '', attached] = splitAtEquals(argument)
    const option = CTL_OPTIONS.find((key) => name === `--${kebab(key)}`)
    if (option !== undefined || form.values.includes(name)) {
      const value = attached ?? argv[++index]
      if (value === undefined || value === '') throw usage(`${name} needs a value`)
      if (option === undefined) values.set(name, value)
      else flags.set(option, { raw: value, origin: name })
    } else if (form.switches.includes(argument)) switches.add(argument)
    // `scale -1` is no flag.
    else if (/^-(?!\d)/.test(argument)) throw usage(`${argument} is no flag of ${form.name}`)
    else words.push(argument)
  }
  return { words, flags, switches, values }
}

function splitAtEquals(argument: string): string[] {
  const equals = argument.indexOf('=')
  return argument.startsWith('--') && equals >= 0
    ? [argument.slice(0, equals), argument.slice(equals + 1)]
    : [argument]
}

export function usage(detail: string): MonodonError {
  return new MonodonError('MONODON_USAGE', { detail })
}
