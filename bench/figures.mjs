// Medians and ratios over the rounds of a campaign.

/** The middle value; the mean of both where there are two. Undefined for none. */
export function median(values) {
  if (values.length === 0) return undefined
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** The value that this share of all, 0 to 1, does not exceed. */
export function percentile(values, share) {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(share * (sorted.length - 1))]
}

const defined = (value) => value !== undefined

/** Reads figures out of a campaign's series. */
export class Figures {
  #series

  /** @param {Map<string, Map<string, import('./campaign.mjs').Series>>} series */
  constructor(series) {
    this.#series = series
  }

  #rounds(scenario, server) {
    const series = this.#series.get(scenario)?.get(server)
    return series === undefined || series.failed !== undefined ? [] : series.rounds
  }

  /** The median of a figure over the rounds. */
  value(scenario, server, figure) {
    return median(
      this.#rounds(scenario, server)
        .map((round) => round[figure])
        .filter(defined),
    )
  }

  /** The median over the rounds of one server's figure divided by another's in the same round. */
  ratio(scenario, figure, server, other) {
    const theirs = this.#rounds(scenario, other)
    return median(
      this.#rounds(scenario, server)
        .map((round, index) => [round[figure], theirs[index]?.[figure]])
        .filter((pair) => pair.every(defined))
        .map(([own, its]) => own / its),
    )
  }
}
