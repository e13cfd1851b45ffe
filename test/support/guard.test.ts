import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { startGuard } from './guard.ts'
import { isRunning } from './leaks.ts'
import { until } from './wait.ts'

/** Starts a process that starts another one and goes; gives the id of that. */
async function orphan(env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn('/bin/sh', ['-c', 'sleep 600 >/dev/null & echo $!'], { env })
  const [id] = (await once(child.stdout, 'data')) as [Buffer]
  return Number(id)
}

test('what a test process has started ends with it, whoever has started it, and nothing else', async () => {
  const guard = startGuard()
  const other = startGuard()
  const theirs = await orphan({ ...process.env, ...guard.mark })
  const another = await orphan({ ...process.env, ...other.mark })
  expect([isRunning(theirs), isRunning(another)]).toEqual([true, true])
  guard.end()
  await until('it to be ended', () => !isRunning(theirs))
  expect(isRunning(another)).toBe(true)
  other.end()
  await until('the other one to be ended', () => !isRunning(another))
})
