#!/usr/bin/env node
import { startThreads } from '../control/workers/threads.ts'

/** Subcommands that serve nothing. */
const NO_SERVER = ['ctl', 'top', 'trace']
/** Flags that only ask, and what asks for workers in processes. */
const ONLY_ASKS = /^(?:-h|-v|--help|--version|--check-config|--print-config)$/
const IN_PROCESSES = /^(?:--worker-class=)?process$|\.py(?::|$)/

/** Whether these are the arguments of a server with threads, as far as that can be seen at a glance. */
function isLikelyThreaded(argv: readonly string[]): boolean {
  const [first] = argv
  if (first === undefined || NO_SERVER.includes(first)) return false
  return !argv.some((argument) => ONLY_ASKS.test(argument) || IN_PROCESSES.test(argument))
}

// To boot a thread takes longest of a start, and needs nothing of the rest: so it comes before all else is even
// loaded, the loader of what was compiled before among it. One that is not needed in the end is ended unused.
if (isLikelyThreaded(process.argv.slice(2))) startThreads(1)
void import('../code-cache/loader.ts').then(({ runCompiled }) =>
  runCompiled('cli/run.js', 'command'),
)
