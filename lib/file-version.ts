import { type BigIntStats, statSync } from 'node:fs'

/**
 * What changes with each change of a file: the time of its last change in nanoseconds, and its size.
 * The Python worker makes the same (`loads.py`).
 */
export function versionOf({ mtimeNs, size }: Pick<BigIntStats, 'mtimeNs' | 'size'>): string {
  return `${mtimeNs}:${size}`
}

/** The version of the file at `path` now; `''` where there is none. */
export function fileVersion(path: string): string {
  try {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false })
    return stats === undefined ? '' : versionOf(stats)
  } catch {
    return ''
  }
}
