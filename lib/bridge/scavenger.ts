import { createRequire } from 'node:module'
import { runInNewContext } from 'node:vm'

/**
 * Bytes of body chunks after which dead ones are collected. V8 by itself lets some 32 MiB of young
 * ArrayBuffers pile up, since it sees only the few bytes of their objects.
 */
const SCAVENGE_BYTES = 4 << 20

type CollectGarbage = (options: { type: 'minor' }) => void

let collect: CollectGarbage | undefined
let bytes = 0

/**
 * Counts a body chunk. Now and then the young generation is collected, which takes well under a
 * millisecond: chunks die young, so memory stays flat however long a body streams.
 */
export function countChunk(length: number): void {
  bytes += length
  if (bytes < SCAVENGE_BYTES) return
  bytes = 0
  collect ??= garbageCollector()
  collect({ type: 'minor' })
}

/** V8's `gc`, which a context has that was made while the flag was set. */
function garbageCollector(): CollectGarbage {
  // Not loaded by a start: few apps have bodies of this size.
  const { setFlagsFromString }: typeof import('node:v8') = createRequire(import.meta.url)('node:v8')
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as CollectGarbage
  setFlagsFromString('--no-expose-gc')
  return gc
}
