import { OPTION_KEYS, type OPTIONS, type OptionKey, type Options, rowOf } from './table.ts'

type Rows = typeof OPTIONS

type NativeKey = {
  [K in OptionKey]: 'native' extends Rows[K]['readBy'][number] ? K : never
}[OptionKey]

/** The options that native code reads: durations in milliseconds (0 is off), sizes in bytes. */
export type NativeOptions = Pick<Options, NativeKey>

/** The part of the options that crosses to native code. */
export function toNative(options: Options): NativeOptions {
  const keys = OPTION_KEYS.filter((key) => rowOf(key).readBy.includes('native'))
  return Object.fromEntries(keys.map((key) => [key, options[key]])) as unknown as NativeOptions
}
