/** Figures and texts as people read them, on the status page and in terminals. */

/**
 * A text that clients may have written, without what is not seen as it is: control characters and escapes
 * of terminals, characters that reorder the text around them, or have no width, and halves of others.
 * They stand there as `\u001b`.
 */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu, escaped)
}

/** The same in printable ASCII, each character of which is one column of a terminal. */
export function visibleAscii(text: string): string {
  return text.replace(/[^ -~]/gu, escaped)
}

/** A value as JSON in printable ASCII, so that no terminal is driven by it. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^ -~]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function escaped(char: string): string {
  const code = char.codePointAt(0)!.toString(16)
  return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`
}

/** `2 h 3 min`: the two largest units that there are, of whole seconds. */
export function age(seconds: number): string {
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [Math.floor(seconds) % 60, 's'],
  ] as const
  const first = parts.findIndex(([count]) => count > 0)
  if (first < 0) return '0 s'
  return parts
    .slice(first, first + 2)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}

/** `0.12 ms`, `3.4 ms`, `120 ms`, `1.25 s`, `2 min 3 s`; `-` for what is not known. */
export function span(seconds: number | null): string {
  if (seconds === null) return '-'
  // Rounded before the unit is chosen, so that nothing is 1000 ms or 60.0 s.
  const ms = Number((seconds * 1000).toPrecision(3))
  if (ms < 1) return `${Number(ms.toFixed(2))} ms`
  if (ms < 1000) return `${ms} ms`
  const whole = Number(seconds.toPrecision(3))
  return whole < 60 ? `${whole} s` : age(Math.round(seconds))
}

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** `512 B`, `3.4 MiB`; `-` for what is not known. */
export function bytes(count: number | null): string {
  if (count === null) return '-'
  let value = count
  let unit = 0
  while (value >= 1023.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${BYTE_UNITS[unit]}`
}

/** `0`, `0.4`, `87`, `12.3k`: how often something happens, or `-`. */
export function rate(value: number | null): string {
  if (value === null) return '-'
  if (value >= 9_999.5) return `${(value / 1000).toFixed(value >= 99_950 ? 0 : 1)}k`
  return value === 0 || value >= 9.95 ? String(Math.round(value)) : value.toFixed(1)
}

/** `12 %`, or `-`. */
export function share(value: number | null): string {
  return value === null ? '-' : `${Math.round(value * 100)} %`
}
