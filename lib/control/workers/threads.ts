/** Threads for workers, which may be started before it is known what they are to serve. */

import { Worker } from 'node:worker_threads'
import { CODE_FOLDER } from '../../code-folder.ts'

/** Those that boot, or have booted, for whoever takes them first. */
const waiting: Worker[] = []

/** Has `count` threads wait to be taken, in the order of their numbers from 1 on. */
export function startThreads(count: number): void {
  while (waiting.length < count) {
    const thread = start(waiting.length + 1)
    waiting.push(thread)
    // Who would have taken it starts another one, and is told what is wrong with that.
    thread.once('error', () => {})
    thread.once('exit', () => {
      const at = waiting.indexOf(thread)
      if (at >= 0) waiting.splice(at, 1)
    })
  }
}

/** The thread for the worker of this number: one that has been started before, or else a new one. */
export function takeThread(number: number): Worker {
  return waiting.shift() ?? start(number)
}

/** Ends those that nobody has taken. */
export function endThreads(): void {
  for (const thread of waiting.splice(0)) void thread.terminate()
}

function start(number: number): Worker {
  return new Worker(new URL('worker/thread.js', CODE_FOLDER), { name: threadName(number) })
}

/** As `top -H` shows it. */
export function threadName(number: number): string {
  return `monodon-worker-${number}`
}
