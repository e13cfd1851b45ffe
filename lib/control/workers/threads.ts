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

/**
 * The thread for the worker of this number: one that has been started before, or else a new one. Nobody sees
 * what it writes before `showOutput`.
 */
export function takeThread(number: number): Worker {
  return waiting.shift() ?? start(number)
}

/** Ends those that nobody has taken. */
export function endThreads(): void {
  for (const thread of waiting.splice(0)) void thread.terminate()
}

/**
 * Has what a thread writes to stdout and stderr come out, as it does by default. But then it takes this
 * thread as long to make streams of its own descriptors as all else about starting the other one.
 */
export function showOutput({ stdout, stderr }: Worker): void {
  for (const [from, to] of [
    [stdout, process.stdout],
    [stderr, process.stderr],
  ] as const) {
    // Each thread adds a few listeners, and there may be any number of threads.
    to.setMaxListeners(Number.POSITIVE_INFINITY)
    from.pipe(to)
  }
}

function start(number: number): Worker {
  const name = threadName(number)
  // What is written is kept until `showOutput`.
  return new Worker(new URL('worker/thread.js', CODE_FOLDER), { name, stdout: true, stderr: true })
}

/** As `top -H` shows it. */
export function threadName(number: number): string {
  return `monodon-worker-${number}`
}
