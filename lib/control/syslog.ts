/** The error log of this process in syslog, as the server in it is told. */

import { changeSyslog } from '../bridge/syslog.ts'
import { toNative } from '../options/native.ts'
import type { Options } from '../options/table.ts'
import { startFailure } from './listen/start-failure.ts'

let calls = 0

/**
 * Has the error log of this process go to the syslog of the options, or to none.
 *
 * @returns what leaves that syslog, unless another one was chosen since
 * @throws MonodonError for options that are not understood; then nothing has changed
 */
export function sendToSyslog(options: Options): () => void {
  try {
    changeSyslog(toNative(options))
  } catch (error) {
    throw startFailure(error)
  }
  calls += 1
  const own = calls
  return () => {
    if (own === calls) changeSyslog(toNative({ ...options, logSyslog: false }))
  }
}
