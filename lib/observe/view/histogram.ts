/** What can be told from histograms. */

import type { Histogram } from '../snapshot.ts'

/** What was observed between two moments: `later` without what was there before. */
export function observedSince(later: Histogram, earlier: Histogram): Histogram {
  return {
    bounds: later.bounds,
    counts: later.counts.map((count, index) => count - (earlier.counts[index] ?? 0)),
    sum: later.sum - earlier.sum,
  }
}

/**
 * The value that a share of the observations does not exceed. Within a bucket they are taken to be spread
 * evenly, as Prometheus' `histogram_quantile` does; above the last bound, to be there.
 *
 * @param share 0 to 1
 * @returns `null` when nothing was observed
 */
export function quantile({ bounds, counts }: Histogram, share: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total <= 0) return null
  const rank = share * total
  let below = 0
  for (const [index, count] of counts.entries()) {
    if (count > 0 && below + count >= rank) {
      const from = bounds[index - 1] ?? 0
      const to = bounds[index] ?? from
      return from + ((to - from) * (rank - below)) / count
    }
    below += count
  }
  return bounds.at(-1) ?? null
}
