#!/usr/bin/env node
import { startThreads } from '../control/workers/threads.ts'

/** Subcommands that serve nothing, and flags that only ask. */
const NO_SERVER = ['ctl', 'top', 'trace']
const ONLY_ASKS = /^(?:-h|-v|--help|--version|--check-config|--print-config)$/

/** Whether the arguments are those of a server, as far as that can be seen at a glance. */
function isLikelyServer([first, ...rest]: readonly string[]): boolean {
  if (first === undefined || NO_SERVER.includes(first)) return false
  return ![first, ...rest].some((argument) => ONLY_ASKS.test(argument))
}

// To boot a thread takes longest of a start, and needs nothing of the rest: so it comes before all else is
// even loaded. One that is not needed in the end is ended unused.
if (isLikelyServer(process.argv.slice(2))) startThreads(1)
await import('./run.ts')
