/** Ways for an app to ruin the worker that it runs in. */
import { setTimeout as sleep } from 'node:timers/promises'

/** Does not come back, or only after what it has started has ruined the worker. */
export async function ruinWorker(how: string): Promise<void> {
  if (how === 'exit') process.exit(7)
  if (how === 'abort') process.abort()
  if (how === 'kill') process.kill(process.pid, 'SIGKILL')
  if (how === 'throw')
    setImmediate(() => {
      throw new Error('thrown out of the app')
    })
  if (how === 'reject') void Promise.reject(new Error('rejected out of the app'))
  if (how === 'memory') exhaust()
  if (how === 'loop') for (;;) Math.random()
  await sleep(60_000)
}

/** Allocates on the JavaScript heap until it is full. */
function exhaust(): never {
  const hoard: object[] = []
  for (;;) hoard.push(new Array(10_000).fill({ at: hoard.length }))
}
