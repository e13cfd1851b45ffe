/** `monodon top`: what a running server does, in a terminal. */

import { setTimeout as sleep } from 'node:timers/promises'
import { History } from '../../observe/view/history.ts'
import { asciiJson } from '../../observe/view/text.ts'
import type { Env } from '../../options/resolve.ts'
import { findSocket } from '../ctl/find.ts'
import { readTopArgs, type TopArgs } from './args.ts'
import { wantsColors } from './colors.ts'
import { topHelp } from './help.ts'
import { painted } from './line.ts'
import { Live } from './live.ts'
import { type Scene, screen } from './screen.ts'
import { Source } from './source.ts'

/**
 * Runs the command.
 *
 * @param argv what follows `monodon top`
 * @returns the exit code
 * @throws MonodonError `MONODON_USAGE`, `MONODON_NO_SERVER`
 */
export async function runTop(argv: readonly string[], env: Env): Promise<number> {
  const args = readTopArgs(argv)
  if (args.help) return print(topHelp())
  const source = new Source(() => findSocket(args.flags, env))
  if (args.json) return print(`${asciiJson(await source.snapshot())}\n`)
  const { stdout } = process
  if (args.once || !stdout.isTTY || env['TERM'] === 'dumb') return printOnce(source, args, env)
  const hasColors = wantsColors(env)
  return new Live(source, stdout, { ...args, hasColors, hasUnicode: hasUnicode(env) }).run()
}

function print(text: string): number {
  process.stdout.write(text)
  return 0
}

/** Two looks, since rates are of what happens between them. */
async function printOnce(source: Source, { interval, sort }: TopArgs, env: Env): Promise<number> {
  const history = new History()
  history.add(await source.snapshot())
  await sleep(interval)
  const snapshot = await source.snapshot()
  history.add(snapshot)
  const { stdout } = process
  const scene: Scene = { snapshot, history, sort, notice: '', hasUnicode: hasUnicode(env) }
  const columns = stdout.isTTY && stdout.columns > 0 ? stdout.columns : Infinity
  const hasColors = stdout.isTTY && wantsColors(env)
  const lines = screen(scene, { columns, rows: Infinity })
  return print(lines.map((line) => `${painted(line, hasColors)}\n`).join(''))
}

/** What the locale says of the terminal, in the order in which setlocale(3) looks at it. */
function hasUnicode(env: Env): boolean {
  const locale = [env['LC_ALL'], env['LC_CTYPE'], env['LANG']].find((name) => name)
  return locale === undefined || /utf-?8/i.test(locale)
}
