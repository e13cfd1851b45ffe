/** How an option is called in each place, derived from its key in the table. */

/** `keepAlive` -> `keep-alive`: the flag without its dashes, and the name in TOML. */
export function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** `keepAlive` -> `keep_alive`. */
export function snake(key: string): string {
  return kebab(key).replaceAll('-', '_')
}

/** `keepAlive` -> `MONODON_KEEP_ALIVE`. */
export function envName(key: string): string {
  return `MONODON_${snake(key).toUpperCase()}`
}

/**
 * The candidate that `name` most likely meant: the one with the smallest edit distance, if that is
 * at most 2 (1 of three letters) or a third of its length, or the only one that begins with `name`.
 */
function nearest(name: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined
  let bestDistance = Infinity
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  const letters = best?.replace(/^-+/, '').length ?? 0
  const most = Math.max(letters > 3 ? 2 : 1, letters / 3)
  if (bestDistance <= most && bestDistance < name.length) return best
  const longer = candidates.filter((candidate) => name !== '' && candidate.startsWith(name))
  return longer.length === 1 ? longer[0] : undefined
}

/** `; did you mean X?`, or nothing. */
export function didYouMean(name: string, candidates: readonly string[]): string {
  const found = nearest(name, candidates)
  return found === undefined ? '' : `; did you mean ${found}?`
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substituted = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, substituted))
    }
    row = next
  }
  return row[b.length]!
}
