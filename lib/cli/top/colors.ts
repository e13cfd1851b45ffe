import type { Env } from '../../options/resolve.ts'

/** Unless NO_COLOR is set to anything (no-color.org), or the terminal has none. */
export function wantsColors(env: Env): boolean {
  return (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'
}
