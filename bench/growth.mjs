// How much memory something takes of processes while it lasts.
import { memoryOf, resetPeakMemory } from './proc.mjs'

/**
 * How far the peak of the resident memory of each part gets above what it had before, in bytes.
 *
 * @template {string} Part
 * @param {number} root the process that all others come from
 * @param {Record<Part, number[]>} parts ids of processes
 * @param {() => Promise<unknown>} work
 * @returns {Promise<Record<Part, number>>}
 */
export async function growth(root, parts, work) {
  const before = Object.entries(parts).map(([part, pids]) => [part, pids, memoryOf(pids).now])
  resetPeakMemory(root)
  await work()
  return Object.fromEntries(before.map(([part, pids, now]) => [part, memoryOf(pids).peak - now]))
}
