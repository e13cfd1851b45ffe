/** What becomes of options that are read again while the server runs. */

import { log } from '../../log.ts'
import { shownValue } from '../../options/describe.ts'
import { kebab } from '../../options/names.ts'
import { OPTION_KEYS, type OptionKey, type Options, rowOf } from '../../options/table.ts'

/** Reads the options again, from where they came: flags and variables as they were, the config file anew. */
export type ReadOptions = () => Promise<Options>

/** Options whose values may hold secrets. */
const SECRET: ReadonlySet<OptionKey> = new Set(['env', 'observeToken', 'otlpHeaders'])

/** The options to go by from now on: of those that were read, the ones that may change meanwhile. */
export function merged(current: Options, read: Options): Options {
  const taken = changesOf(current, read).filter((key) => rowOf(key).reloadable)
  return { ...current, ...Object.fromEntries(taken.map((key) => [key, read[key]])) }
}

/** Logs what has changed, and what stays as it is until a restart. */
export function tellChanges(current: Options, read: Options): void {
  const changed = changesOf(current, read)
  const taken = changed.filter((key) => rowOf(key).reloadable)
  for (const key of taken) log('info', `${kebab(key)} ${now(key, read)}, was ${was(key, current)}`)
  for (const key of changed.filter((key) => !taken.includes(key)))
    log(
      'warning',
      `${kebab(key)} ${now(key, read)}, but stays ${was(key, current)} until a restart or an upgrade (USR2)`,
    )
}

function changesOf(current: Options, read: Options): OptionKey[] {
  const isSame = (key: OptionKey) => JSON.stringify(current[key]) === JSON.stringify(read[key])
  return OPTION_KEYS.filter((key) => !isSame(key))
}

function now(key: OptionKey, options: Options): string {
  return SECRET.has(key) ? 'has changed' : `is ${quoted(key, options)} now`
}

function was(key: OptionKey, options: Options): string {
  return SECRET.has(key) ? 'something else' : quoted(key, options)
}

function quoted(key: OptionKey, options: Options): string {
  const text = shownValue(key, options)
  return text === '' ? 'nothing' : text
}
