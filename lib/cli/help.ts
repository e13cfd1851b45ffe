/** `--help`, from the option table. */

import { placeholder, shownDefault } from '../options/describe.ts'
import { kebab } from '../options/names.ts'
import { GROUPS } from '../options/rows/row.ts'
import {
  COMMANDS,
  type Command,
  DEV_OPTIONS,
  OPTION_KEYS,
  type OptionKey,
  rowOf,
} from '../options/table.ts'

/** Columns of the flags; a longer flag has its text on the next line. */
const FLAG_COLUMNS = 30
const COLUMNS = 96

/** The text of `--help`. */
export function helpText(): string {
  const groups = GROUPS.map((group) => {
    const keys = OPTION_KEYS.filter((key) => rowOf(key).group === group)
    return section(group, keys.map(optionEntry))
  })
  const commands = (Object.keys(COMMANDS) as Command[]).map(commandEntry)
  return `Usage: monodon APP [options] [-- ARGUMENTS]
       monodon dev APP [options] [-- ARGUMENTS]
       monodon ctl COMMAND
       monodon top | trace [options]

Serves an app over HTTP. APP is MODULE[:NAME], for example src/app.ts:app, app, or
'pkg.mod:create("production")'. Without NAME it is what the
module listens with, then its default export, then "app". ARGUMENTS are for one that listens.

${wrap(DEV_TEXT, COLUMNS).join('\n')}

"monodon ctl" asks a running server, or tells it something: see monodon ctl --help.
"monodon top" shows what it does, "monodon trace" each request as it ends; see their --help.
An app of one of these names is named as ./ctl.

${groups.join('\n')}
${section('Commands', commands)}
TIME takes ms, s, m, h (10s; a bare number is seconds) or off; SIZE takes kb, mb, gb (a bare
number is bytes). Every option is also read from monodon.config.{ts,js,json,toml} (keepAlive) and
from the environment (MONODON_KEEP_ALIVE). Order: default, config file, environment, flag.
`
}

/** `--dev --reload --workers 1`. */
const DEV_FLAGS = Object.entries(DEV_OPTIONS)
  .map(([key, value]) => (value === true ? `--${kebab(key)}` : `--${kebab(key)} ${value}`))
  .join(' ')

const DEV_TEXT = `"monodon dev" is for development: it reloads the app when its files change, shows \
errors to the client and takes keys in the terminal. It is short for ${DEV_FLAGS}, all of which flags \
and variables override. An app that is itself called dev is named as ./dev.`

function section(title: string, entries: readonly string[]): string {
  return `${title}:\n${entries.join('')}`
}

function optionEntry(key: OptionKey): string {
  const row = rowOf(key)
  const shown = shownDefault(row)
  const text = shown === '' ? row.doc : `${row.doc} (default: ${shown})`
  return flagEntry(row.short, kebab(key), placeholder(row), text)
}

function commandEntry(command: Command): string {
  const { short, doc } = COMMANDS[command]
  return flagEntry(short, kebab(command), '', doc)
}

function flagEntry(short: string | undefined, name: string, value: string, text: string): string {
  return entry(`  ${short === undefined ? '    ' : `-${short}, `}--${name} ${value}`, text)
}

/** An entry of a list: what one types, and beside it what that does. */
export function entry(typed: string, text: string): string {
  const flag = typed.trimEnd()
  const [first = '', ...rest] = wrap(text, COLUMNS - FLAG_COLUMNS)
  const indent = ' '.repeat(FLAG_COLUMNS)
  const head =
    flag.length < FLAG_COLUMNS - 1
      ? flag.padEnd(FLAG_COLUMNS) + first
      : `${flag}\n${indent}${first}`
  return `${[head, ...rest.map((line) => indent + line)].join('\n')}\n`
}

function wrap(text: string, columns: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}
