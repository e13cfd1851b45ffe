/** Reference pages from the option table and the error table. */

import { type Blame, ERRORS, type ErrorCode, errorRow } from '../errors.ts'
import { placeholder, shownDefault } from './describe.ts'
import { envName, kebab } from './names.ts'
import { GROUPS, type OptionRow } from './rows/row.ts'
import { COMMANDS, type Command, OPTION_KEYS, type OptionKey, rowOf } from './table.ts'
import { allowedValues } from './values.ts'

const BLAMES: Readonly<Record<Blame, string>> = {
  client: 'The client',
  app: 'The app',
  server: 'The server',
  operator: 'Whoever runs the server',
}

/** `docs/options.md`. */
export function optionsPage(): string {
  const groups = GROUPS.map((group) => {
    const keys = OPTION_KEYS.filter((key) => rowOf(key).group === group)
    return `## ${group}\n\n${keys.map(optionEntry).join('\n')}`
  })
  const commands = (Object.keys(COMMANDS) as Command[]).map(
    (command) => `| ${flagCell(command, COMMANDS[command].short, '')} | ${COMMANDS[command].doc} |`,
  )
  return `<!-- GENERATED from lib/options/table.ts by \`npm run generate\`. Do not edit. -->

# Options

\`monodon APP [options]\`. An option is given as a flag, as a variable, in a config file or to
\`serve(app, options)\`; the names follow from one another: \`--keep-alive\`, \`MONODON_KEEP_ALIVE\`,
\`keepAlive\` (in a file also \`keep-alive\`).

**Order.** What comes later wins: the default, what the platform sets (\`PORT\`, \`WEB_CONCURRENCY\`),
the config file, what \`monodon dev\` sets ([development-server.md](development-server.md)), \`MONODON_*\`,
flags. A variable that is set to nothing counts as not set. Unknown
names are errors everywhere. \`monodon --print-config\` shows each value and where it came from.

**Config file.** \`monodon.config.ts\`, \`.mts\`, \`.js\`, \`.mjs\`, \`.cjs\`, \`.json\` or \`.toml\` in the
directory where the command is given, or the file named by \`--config\`:

\`\`\`ts excerpt
import { defineConfig } from 'monodon'

export default defineConfig({ workers: 'auto', keepAlive: '75s', limitRequestBody: '16mb' })
\`\`\`

**Reload.** HUP and \`monodon ctl reload\` read the config file again; flags and variables stay. An
option with *reload* takes effect then: connections that are open go by it from their next request on,
the app with the workers that replace the old ones. Of the others the log says that they
need an upgrade ([signals.md](signals.md#upgrade-without-loss)) or a restart. A file that cannot be used changes nothing.

**Durations** take \`ms\`, \`s\`, \`m\` and \`h\`; a bare number is seconds; \`0\` and \`off\` are the same.
**Sizes** take \`kb\`, \`mb\` and \`gb\`, each 1024 times the one before; a bare number is bytes.

${groups.join('\n')}
## Commands

| flag | what it does |
|---|---|
${commands.join('\n')}
`
}

function optionEntry(key: OptionKey): string {
  const row = rowOf(key)
  const shown = shownDefault(row)
  const variables = [envName(key), ...(row.otherEnv === undefined ? [] : [row.otherEnv])]
  const notes = [
    row.type === 'duration' && row.off !== undefined ? `\`off\`: ${row.off}.` : '',
    row.note ?? '',
  ].filter((note) => note !== '')
  return `### ${kebab(key)}

${row.doc}.${notes.length === 0 ? '' : ` ${notes.join(' ')}`}

| flag | variable | default | allowed | unit | reload |
|---|---|---|---|---|---|
| ${flagCell(key, row.short, placeholder(row))} | ${variables.map(code).join(', ')} | ${shown === '' ? 'none' : code(shown)} | ${allowedValues(row)} | ${unitOf(row)} | ${row.reloadable ? 'yes' : 'no'} |
`
}

function flagCell(key: string, short: string | undefined, value: string): string {
  const long = `--${kebab(key)}${value === '' ? '' : ` ${value.replaceAll('|', '\\|')}`}`
  return short === undefined ? code(long) : `${code(`-${short}`)}, ${code(long)}`
}

function unitOf(row: OptionRow): string {
  switch (row.type) {
    case 'integer':
      return row.unit
    case 'duration':
      return 'time'
    case 'size':
      return 'bytes'
    default:
      return 'none'
  }
}

/** `docs/errors.md`. */
export function errorsPage(): string {
  const codes = Object.keys(ERRORS) as ErrorCode[]
  const groups = (Object.keys(BLAMES) as Blame[]).map((blame) => {
    const rows = codes.filter((name) => errorRow(name).blame === blame).map(errorLine)
    return `## ${BLAMES[blame]}

| code | what happened | what to do | status | exit |
|---|---|---|---|---|
${rows.join('\n')}
`
  })
  return `<!-- GENERATED from lib/errors.ts by \`npm run generate\`. Do not edit. -->

# Errors

Every error has a stable code, is logged once, and says who has to act on it. *Status* is what the
client gets, where it gets an answer; *exit* is what the command ends with, where it cannot go on.

${groups.join('\n')}`
}

function errorLine(name: ErrorCode): string {
  const { message, hint, status, exit, blame } = errorRow(name)
  const ends = exit ?? (blame === 'operator' ? 1 : '')
  return `| ${code(name)} | ${message} | ${hint} | ${status ?? ''} | ${ends} |`
}

function code(text: string): string {
  return `\`${text}\``
}
