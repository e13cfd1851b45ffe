/**
 * The option table: the only place where an option is written down. The key gives every name:
 * `keepAlive` in code and files, `--keep-alive`, `MONODON_KEEP_ALIVE`, `keep_alive` in Rust.
 * Parsing, `--help`, `--print-config`, the types, the native struct and the reference page are
 * derived from it. The rows are in `rows`, a file for each group; `rows/row.ts` says what a row is.
 */

import { COMPRESSION } from './rows/compression.ts'
import { DEVELOPMENT } from './rows/development.ts'
import { LIMITS } from './rows/limits.ts'
import { LOGS } from './rows/logs.ts'
import { OBSERVABILITY } from './rows/observability.ts'
import { OTHER } from './rows/other.ts'
import { PROXIES } from './rows/proxies.ts'
import type { OptionRow } from './rows/row.ts'
import { SERVER } from './rows/server.ts'
import { STATIC } from './rows/static.ts'
import { TIMEOUTS } from './rows/timeouts.ts'
import { TLS } from './rows/tls.ts'
import { TRACES } from './rows/traces.ts'
import { WORKERS } from './rows/workers.ts'

export const OPTIONS = {
  ...SERVER,
  ...TLS,
  ...COMPRESSION,
  ...PROXIES,
  ...WORKERS,
  ...TIMEOUTS,
  ...LIMITS,
  ...STATIC,
  ...LOGS,
  ...OBSERVABILITY,
  ...TRACES,
  ...DEVELOPMENT,
  ...OTHER,
} as const satisfies Record<string, OptionRow>

/** The name of an option in code and in a config file. */
export type OptionKey = keyof typeof OPTIONS

/** Every option's key, in the table's order. */
export const OPTION_KEYS = Object.keys(OPTIONS) as OptionKey[]

/** The row of an option, without the literal types. */
export function rowOf(key: OptionKey): OptionRow {
  return OPTIONS[key]
}

/** Flags that make the command do one thing and exit. */
export const COMMANDS = {
  help: { short: 'h', doc: 'Show this text' },
  version: { short: 'v', doc: 'Show versions' },
  checkConfig: { short: undefined, doc: 'Resolve the options, load the app once, and exit' },
  printConfig: { short: undefined, doc: "Show every option's value and where it came from" },
} as const

export type Command = keyof typeof COMMANDS

type Rows = typeof OPTIONS

type ValueOf<R> = R extends { type: 'integer' | 'duration' | 'size' | 'mode' }
  ? number
  : R extends { type: 'enum'; values: readonly (infer V)[] }
    ? V
    : R extends { type: 'boolean' }
      ? boolean
      : R extends { type: 'addresses' | 'list' }
        ? readonly string[]
        : string

type InputOf<R> = R extends { type: 'integer' }
  ? R extends { auto: unknown }
    ? number | 'auto'
    : number
  : R extends { type: 'mode' }
    ? string
    : R extends { type: 'duration' | 'size' }
      ? number | string
      : R extends { type: 'addresses' | 'list' }
        ? string | readonly string[]
        : ValueOf<R>

/** The options as the server uses them: durations in milliseconds (0 is off), sizes in bytes. */
export type Options = { readonly [K in OptionKey]: ValueOf<Rows[K]> }

/**
 * The options as they are given in code and in a config file. A duration is a string with a unit
 * (`'500ms'`, `'10s'`, `'2m'`, `'1h'`, `'off'`) or a number of seconds; a size is a string with a
 * unit (`'8kb'`, `'128mb'`, `'1gb'`) or a number of bytes.
 */
export type Config = { readonly [K in Exclude<OptionKey, 'config'>]?: InputOf<Rows[K]> | undefined }

/**
 * What `monodon dev` sets unless a flag or a variable says otherwise. A process is a clean start at
 * each reload: nothing of the old code is left in it. Nobody is hung who is stopped in a debugger.
 */
export const DEV_OPTIONS: Config = {
  dev: true,
  reload: true,
  workers: 1,
  workerClass: process.platform === 'win32' ? 'thread' : 'process',
  timeout: 'off',
  bootTimeout: 'off',
  logLevel: 'info',
}

/** Types a config file: `export default defineConfig({ workers: 'auto' })`. */
export function defineConfig(config: Config): Config {
  return config
}
