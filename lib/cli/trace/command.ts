/** `monodon trace`: the requests of a running server, as they end. */

import { once } from 'node:events'
import { follow } from '../../control/socket/follow.ts'
import { filterText } from '../../observe/filter.ts'
import type { RequestLife } from '../../observe/snapshot.ts'
import { asciiJson } from '../../observe/view/text.ts'
import type { Env } from '../../options/resolve.ts'
import { findSocket } from '../ctl/find.ts'
import { wantsColors } from '../top/colors.ts'
import { painted } from '../top/line.ts'
import { readTraceArgs } from './args.ts'
import { traceHelp } from './help.ts'
import { TRACE_HEAD, traceLine } from './text.ts'

/** What a server tells. */
type Told = { readonly life: RequestLife } | { readonly dropped: number }

/**
 * Runs the command until Ctrl-C, or until nobody reads what it says.
 *
 * @param argv what follows `monodon trace`
 * @returns the exit code
 * @throws MonodonError `MONODON_USAGE`; `MONODON_NO_SERVER`, also when the server ends
 */
export async function runTrace(argv: readonly string[], env: Env): Promise<number> {
  const { filter, json, help, flags } = readTraceArgs(argv)
  const { stdout } = process
  if (help) {
    stdout.write(traceHelp())
    return 0
  }
  const path = await findSocket(flags, env)
  const hasColors = stdout.isTTY && wantsColors(env)
  const over = new AbortController()
  const end = (): void => over.abort()
  process.once('SIGINT', end)
  // Who was reading has left, as `head` does.
  stdout.on('error', end)
  const text = json ? jsonText : (thing: Told) => shownText(thing, hasColors)
  const hear = (thing: unknown): Promise<void> | undefined => say(text(thing as Told), over.signal)
  if (!json) void say(`${painted(TRACE_HEAD, hasColors)}\n`, over.signal)
  await follow(path, { command: 'trace', argument: filterText(filter) }, hear, over.signal)
  return 0
}

function jsonText(thing: Told): string {
  return `${asciiJson('life' in thing ? thing.life : thing)}\n`
}

function shownText(thing: Told, hasColors: boolean): string {
  if ('life' in thing) return `${painted(traceLine(thing.life), hasColors)}\n`
  process.stderr.write(`monodon: ${thing.dropped} requests are left out: there were too many\n`)
  return ''
}

/** A promise when who reads is slow: until then nothing more is read from the server. */
function say(text: string, signal: AbortSignal): Promise<void> | undefined {
  if (process.stdout.write(text)) return undefined
  return once(process.stdout, 'drain', { signal }).then(
    () => {},
    () => {},
  )
}
