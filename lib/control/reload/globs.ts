/** Patterns for paths, as `--reload-include` and `--reload-exclude` take them. */

import { basename, relative, sep } from 'node:path'

/**
 * A test for absolute paths. A pattern without `/` is for the last name of a path; others are for the
 * path from `cwd` on, or for the whole of it if they begin with `/`.
 */
export function globTest(patterns: readonly string[], cwd: string): (path: string) => boolean {
  const tests = patterns.map((pattern) => {
    const isAbsolute = pattern.startsWith('/')
    const expression = globExpression(isAbsolute ? pattern : pattern.replace(/^\.\//, ''))
    if (!pattern.includes('/')) return (path: string) => expression.test(basename(path))
    return (path: string) =>
      expression.test((isAbsolute ? path : relative(cwd, path)).replaceAll(sep, '/'))
  })
  return (path) => tests.some((test) => test(path))
}

/** `**` is any number of folders, `*` and `?` stay within a name, `{a,b}` and `[a-z]` are choices. */
const TOKENS = /\*\*\/|\/\*\*$|\*+|\?|\[!?[^\]/]+\]|[{},]|[^*?[{},/]+|[\s\S]/g

function globExpression(pattern: string): RegExp {
  let depth = 0
  const source = pattern.replace(TOKENS, (token) => {
    if (token === '**/') return '(?:[^/]+/)*'
    if (token === '/**') return '/.+'
    if (token === '?') return '[^/]'
    if (token.startsWith('*')) return '[^/]*'
    if (token.startsWith('[') && token.length > 1) {
      const isNot = token[1] === '!'
      return `[${isNot ? '^' : ''}${literal(token.slice(isNot ? 2 : 1, -1), '-')}]`
    }
    if (token === '{' && pattern.includes('}')) {
      depth++
      return '(?:'
    }
    if (token === '}' && depth > 0) {
      depth--
      return ')'
    }
    return token === ',' && depth > 0 ? '|' : literal(token)
  })
  return new RegExp(`^${source}${')'.repeat(depth)}$`)
}

/** Text as it stands, but for the characters in `kept`. */
function literal(text: string, kept = ''): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, (character) =>
    kept.includes(character) ? character : `\\${character}`,
  )
}
