/** The error log in syslog (`--log-syslog`): one way there for a process, which its threads share. */

import { alsoLogTo, logReport } from '../log.ts'
import type { NativeOptions } from '../options/native.ts'
import { closeEntries, openEntries, writeEntry } from './native.ts'

let isHeedingExit = false

/**
 * Opens the way for this process, if the options ask for it; the last entries are sent when it ends.
 *
 * @throws Error behind whose code of `lib/errors.ts` stands what is wrong with the options
 */
export function openSyslog(options: NativeOptions): void {
  if (options.logSyslog) changeSyslog(options)
}

/**
 * Has this process log to where the options say, perhaps nowhere, from now on; what waits still goes to
 * where it went.
 *
 * @throws as `openSyslog`; then nothing has changed
 */
export function changeSyslog(options: NativeOptions): void {
  openEntries(options, logReport)
  if (!isHeedingExit) process.once('exit', closeEntries)
  isHeedingExit = true
  joinSyslog(options)
}

/** Has this thread log to where its process does. */
export function joinSyslog({ logSyslog }: Pick<NativeOptions, 'logSyslog'>): void {
  if (logSyslog) alsoLogTo(writeEntry)
}
