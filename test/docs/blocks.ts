/**
 * Code blocks of the documentation, and what the words after their language say of them:
 *
 * - `file=NAME`: a file of the page's folder;
 * - `flags`: `monodon` commands whose options are checked, and that is all;
 * - `run`: commands that end, and must end well;
 * - `serve`: a `monodon` command that serves until the next one, or until the page ends;
 * - `ask`: commands that ask it, at `localhost:8000`;
 * - `answer`: exactly what the commands of the block before it print;
 * - `excerpt`: not to be run.
 *
 * Blocks of programs and commands have one of these; of configuration and plain text, none.
 */
import { readFileSync } from 'node:fs'

const USES = ['flags', 'run', 'serve', 'ask', 'answer', 'excerpt'] as const
/** Languages of what could be run. */
const PROGRAMS = new Set(['sh', 'ts', 'js', 'python', 'html'])

export interface Block {
  readonly language: string
  /** One of `USES` or `file=NAME`; empty if there is none. */
  readonly use: string
  readonly text: string
  /** Of its first line. */
  readonly line: number
}

export function blocksOf(file: string): Block[] {
  const blocks: Block[] = []
  let open: { fence: string; info: string[]; line: number; lines: string[] } | undefined
  for (const [at, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    if (open !== undefined && line === open.fence) {
      const { info, lines } = open
      const [language = '', ...words] = info
      const text = `${lines.join('\n')}\n`
      blocks.push({ language, use: words.join(' '), text, line: open.line })
      open = undefined
    } else if (open !== undefined) open.lines.push(line)
    else {
      const [, fence, info] = /^(`{3,})(.*)$/.exec(line) ?? []
      if (fence !== undefined)
        open = { fence, info: info!.split(/\s+/).filter(Boolean), line: at + 2, lines: [] }
    }
  }
  if (open !== undefined) throw new Error(`${file}:${open.line}: the block has no end`)
  return blocks
}

/** What is wrong with how a block is marked. */
export function flawOf({ language, use }: Block): string | undefined {
  if (use === '')
    return PROGRAMS.has(language)
      ? `say what becomes of the ${language} block: file=NAME, ${USES.join(', ')}`
      : undefined
  if (/^file=[\w./-]+$/.test(use) || (USES as readonly string[]).includes(use)) return undefined
  return `there is no use of a block named ${use}`
}

/** Whether a page has something to be run. */
export function isRun({ use }: Block): boolean {
  return use === 'flags' || use === 'run' || use === 'serve'
}

/** The packages that the files of a page import, but for Node's own and for monodon. */
export function packagesOf(blocks: readonly Block[]): Set<string> {
  const names = blocks
    .filter(({ use, language }) => use.startsWith('file=') && /^[jt]s$/.test(language))
    .flatMap(({ text }) => [...text.matchAll(/\bfrom '([^'.][^']*)'/g)].map(([, name]) => name!))
    .filter((name) => !/^(?:node:|monodon(?:$|\/))/.test(name))
  return new Set(names.map((name) => /^(?:@[^/]+\/)?[^/]+/.exec(name)![0]))
}
