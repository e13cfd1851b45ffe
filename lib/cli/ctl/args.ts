/** The arguments of `monodon ctl`. */

import { MonodonError } from '../../errors.ts'
import type { Given } from '../../options/args.ts'
import { kebab } from '../../options/names.ts'
import type { OptionKey } from '../../options/table.ts'

/** Options that tell where the server's socket is. */
export const CTL_OPTIONS = ['controlSocket', 'config', 'chdir'] as const satisfies OptionKey[]

export interface CtlArgs {
  readonly command: string | undefined
  readonly argument: string | undefined
  /** Prints the server's answer as it came. */
  readonly json: boolean
  readonly help: boolean
  readonly flags: ReadonlyMap<OptionKey, Given>
}

/** @throws MonodonError `MONODON_USAGE` */
export function readCtlArgs(argv: readonly string[]): CtlArgs {
  const words: string[] = []
  const flags = new Map<OptionKey, Given>()
  let json = false
  let help = false
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index]!
    const [name = '', attached] = splitAtEquals(argument)
    const option = CTL_OPTIONS.find((key) => name === `--${kebab(key)}`)
    if (option !== undefined) {
      const value = attached ?? argv[++index]
      if (value === undefined || value === '') throw usage(`${name} needs a value`)
      flags.set(option, { raw: value, origin: name })
    } else if (argument === '--json') json = true
    else if (argument === '--help' || argument === '-h') help = true
    // `scale -1` is no flag.
    else if (/^-(?!\d)/.test(argument)) throw usage(`${argument} is no flag of monodon ctl`)
    else words.push(argument)
  }
  const [command, argument, ...rest] = words
  if (rest.length > 0) throw usage(`one command expected, given: ${words.join(' ')}`)
  return { command, argument, json, help, flags }
}

function splitAtEquals(argument: string): string[] {
  const equals = argument.indexOf('=')
  return argument.startsWith('--') && equals >= 0
    ? [argument.slice(0, equals), argument.slice(equals + 1)]
    : [argument]
}

function usage(detail: string): MonodonError {
  return new MonodonError('MONODON_USAGE', { detail })
}
