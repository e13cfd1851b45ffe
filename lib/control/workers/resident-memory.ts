/** How much memory another process holds. */

import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'

/** Bytes that are resident of the process `pid`; `undefined` if it has gone. */
export function residentMemory(pid: number): Promise<number | undefined> {
  return process.platform === 'linux' ? fromProc(pid) : fromPs(pid)
}

async function fromProc(pid: number): Promise<number | undefined> {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'latin1'))
    return kilobytes === null ? undefined : Number(kilobytes[1]) * 1024
  } catch {
    return undefined
  }
}

/** POSIX leaves the resident size out of `ps`, but macOS and the BSDs have it, in kilobytes. */
function fromPs(pid: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    execFile('ps', ['-o', 'rss=', '-p', String(pid)], (error, output) => {
      const kilobytes = Number(output)
      resolve(error === null && kilobytes > 0 ? kilobytes * 1024 : undefined)
    })
  })
}
