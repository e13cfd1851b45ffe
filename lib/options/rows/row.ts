/** What is written down of an option. */

/** Which part of the server reads an option. */
export type Scope = 'native' | 'main' | 'worker'

/** Headings of `--help` and of the reference page, in their order. */
export const GROUPS = [
  'Server',
  'TLS',
  'Compression',
  'Proxies',
  'Workers',
  'Timeouts',
  'Limits',
  'Static files',
  'Logs',
  'Observability',
  'Traces',
  'Development',
  'Other',
] as const
export type Group = (typeof GROUPS)[number]

interface CommonRow {
  /** One line for `--help` and the reference page. */
  readonly doc: string
  readonly group: Group
  readonly readBy: readonly Scope[]
  /** The one-letter flag. */
  readonly short?: string
  /** A variable that is read when `MONODON_*` is not set. */
  readonly otherEnv?: string
  /**
   * A change in the config file takes effect at a reload (HUP): in the server at once, in the app with
   * its new workers. Others stay as they are until a restart.
   */
  readonly reloadable?: true
  /** It is not shown to people. */
  readonly secret?: true
  /** What the reference page says about reasons and limits. */
  readonly note?: string
}

export interface IntegerRow extends CommonRow {
  readonly type: 'integer'
  /** What is counted. */
  readonly unit: string
  readonly default: number | 'auto'
  readonly min: number
  readonly max: number
  /** Makes `auto` a value: the number for a machine with this many cores. */
  readonly auto?: (cores: number) => number
}

/** Resolved to milliseconds; 0 is off. */
export interface DurationRow extends CommonRow {
  readonly type: 'duration'
  readonly default: string
  /** What `off` means. Without it, `off` is refused. */
  readonly off?: string
}

/** Resolved to bytes. */
export interface SizeRow extends CommonRow {
  readonly type: 'size'
  readonly default: string
  readonly min: number
  readonly max: number
}

export interface EnumRow extends CommonRow {
  readonly type: 'enum'
  readonly default: string
  readonly values: readonly string[]
}

export interface BooleanRow extends CommonRow {
  readonly type: 'boolean'
  readonly default: false
}

export interface StringRow extends CommonRow {
  readonly type: 'string'
  /** What stands for the value in `--help`. */
  readonly unit: string
  readonly default: string
  /** What it looks like, and how people are told so. */
  readonly pattern?: RegExp
  readonly allowed?: string
}

/** Who may use a file, in octal as for `chmod`. Resolved to the number. */
export interface ModeRow extends CommonRow {
  readonly type: 'mode'
  readonly default: string
}

/** May be given several times; in the environment the items are separated by commas. */
export interface AddressesRow extends CommonRow {
  readonly type: 'addresses'
  readonly default: readonly string[]
}

/**
 * Any number of texts. The flag may be given several times; unless `whole` is set, commas separate
 * texts in it and in the environment.
 */
export interface ListRow extends CommonRow {
  readonly type: 'list'
  /** What stands for an item in `--help`. */
  readonly unit: string
  readonly default: readonly string[]
  /** What an item looks like, and how people are told so. */
  readonly item: RegExp
  readonly allowed: string
  /** Items may hold commas. */
  readonly whole?: true
}

export type OptionRow =
  | IntegerRow
  | DurationRow
  | SizeRow
  | EnumRow
  | BooleanRow
  | StringRow
  | ModeRow
  | AddressesRow
  | ListRow

/** Timers of Node.js and the kernel take this many milliseconds at most; about 24 days. */
export const MAX_DURATION_MS = 2_147_483_647

/** Bytes in 1 TiB: no machine has use for a larger limit. */
export const MAX_SIZE = 1_099_511_627_776
