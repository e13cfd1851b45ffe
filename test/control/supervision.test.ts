/** Which workers are replaced, why and when: with workers that the test plays. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Pauses } from '../../lib/control/pool/pauses.ts'
import { Recycling } from '../../lib/control/pool/recycling.ts'
import { Supervisor } from '../../lib/control/pool/supervisor.ts'
import { WorkerSet } from '../../lib/control/pool/worker-set.ts'
import type { Ready, SupervisedWorker, WorkerState } from '../../lib/control/workers/app-worker.ts'
import { setLogLevel } from '../../lib/log.ts'
import { MAX_DURATION_MS } from '../../lib/options/rows/row.ts'

const READY: Ready = { type: 'ready', kind: 'fetch', reason: 'the test says so' }
const MEGABYTE = 1_048_576

class FakeWorker implements SupervisedWorker {
  readonly number: number
  readonly pid = undefined
  readonly serverEnded = false
  state: WorkerState = 'booting'
  bytes = 0
  readonly ready: Promise<Ready>
  readonly ended: Promise<string>
  readonly spent: Promise<void>
  spend!: () => void
  private tellReady!: (ready: Ready) => void
  private tellFailed!: (error: Error) => void
  private tellEnded!: (how: string) => void

  constructor(number: number) {
    this.number = number
    this.ready = new Promise((resolve, reject) => {
      this.tellReady = resolve
      this.tellFailed = reject
    })
    this.ready.catch(() => {})
    this.ended = new Promise((resolve) => {
      this.tellEnded = resolve
    })
    this.spent = new Promise((resolve) => {
      this.spend = resolve
    })
  }

  finishBoot(): void {
    this.state = 'ready'
    this.tellReady(READY)
  }

  end(how: string): void {
    this.state = 'stopped'
    this.tellFailed(new Error(how))
    this.tellEnded(how)
  }

  stop = async (): Promise<void> => this.end('exit code 0')
  kill = async (): Promise<void> => this.end('SIGKILL')
  memory = async (): Promise<number> => this.bytes
  utilization = (): undefined => undefined
  reopenLogs(): void {}
}

let made: FakeWorker[]
let supervisor: Supervisor
let recycling: Recycling
/** Whether workers boot. */
let boots: boolean

async function serve(options: {
  bootTimeout?: number
  maxWorkerLifetime?: number
  maxWorkerLifetimeJitter?: number
  maxWorkerMemory?: number
}): Promise<void> {
  made = []
  boots = true
  const all = {
    ...{ reload: false, dev: false, gracefulTimeout: 1000, bootTimeout: 0 },
    ...{ maxWorkerLifetime: 0, maxWorkerLifetimeJitter: 0, maxWorkerMemory: 0, ...options },
  }
  const create = (number: number): FakeWorker => {
    const worker = new FakeWorker(number)
    made.push(worker)
    if (boots) worker.finishBoot()
    return worker
  }
  const workers = new WorkerSet({ kind: 'thread', create, reconfigure: () => {} }, all, {
    phase: 'listening',
    pulses: () => [],
    setInterface: () => {},
  })
  supervisor = new Supervisor(workers, new Pauses(), all, (worker) => recycling.watch(worker))
  recycling = new Recycling(workers, supervisor, all)
  recycling.start()
  const { worker } = await workers.bootCurrent()
  supervisor.add(worker)
}

const last = (): FakeWorker => made.at(-1)!
const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)

beforeEach(() => {
  vi.useFakeTimers()
  setLogLevel('critical')
})
afterEach(() => {
  recycling.stop()
  vi.useRealTimers()
  setLogLevel('info')
})

describe('a worker that ends', () => {
  test('is replaced at once, and counted', async () => {
    await serve({})
    last().end('exit code 1')
    await pass(0)
    expect(made).toHaveLength(2)
    expect(supervisor.restarts).toMatchObject({ died: 1, hung: 0, boot: 0 })
    expect(supervisor.stability).toBe('stable')
  })

  test('again and again is replaced after growing pauses, until one stays', async () => {
    await serve({})
    for (const pause of [0, 100, 500, 1000, 2000, 5000, 5000]) {
      const count = made.length
      last().end('exit code 1')
      if (pause > 0) {
        await pass(pause - 1)
        expect(made).toHaveLength(count)
      }
      await pass(1)
      expect(made).toHaveLength(count + 1)
    }
    expect(supervisor.stability).toBe('crash-loop')
    await pass(10_000)
    expect(supervisor.stability).toBe('stable')
    last().end('exit code 1')
    await pass(0)
    expect(last().number).toBe(9)
    expect(supervisor.restarts.died).toBe(8)
  })

  test('counts as one that hung, if that is why', async () => {
    await serve({})
    supervisor.endHung(1, 30_000)
    await pass(0)
    expect(supervisor.restarts).toMatchObject({ died: 0, hung: 1 })
    expect(made).toHaveLength(2)
  })

  test('has successors that cannot boot tried again, and counted', async () => {
    await serve({ bootTimeout: 3000 })
    boots = false
    last().end('exit code 1')
    await pass(0)
    last().end('exit code 3')
    await pass(100)
    expect(made).toHaveLength(3)
    // This one does not come to its end.
    await pass(3000)
    expect(last().number).toBe(3)
    expect(last().state).toBe('stopped')
    boots = true
    await pass(500)
    expect(last().number).toBe(4)
    expect(supervisor.restarts).toMatchObject({ died: 1, boot: 2 })
  })
})

test('a worker that is ready while it is being killed for its boot is not', async () => {
  await serve({ bootTimeout: 3000 })
  boots = false
  last().end('exit code 1')
  await pass(0)
  const late = last()
  late.kill = async () => late.finishBoot()
  boots = true
  await pass(3000)
  await pass(100)
  expect(supervisor.restarts.boot).toBe(1)
  expect(last().number).toBe(3)
})

describe('recycling', () => {
  test('is counted by its cause', async () => {
    await serve({ maxWorkerLifetime: 60_000, maxWorkerMemory: 100 * MEGABYTE })
    last().spend()
    await pass(0)
    expect(supervisor.restarts).toMatchObject({ spent: 1 })
    await pass(60_000)
    expect(supervisor.restarts).toMatchObject({ spent: 1, lifetime: 1 })
    last().bytes = 101 * MEGABYTE
    await pass(3000)
    expect(supervisor.restarts).toEqual({
      ...{ died: 0, hung: 0, boot: 0 },
      ...{ spent: 1, lifetime: 1, memory: 1 },
    })
    expect(made.map(({ state }) => state)).toEqual(['stopped', 'stopped', 'stopped', 'ready'])
  })

  test('leaves the old worker until its successor is ready, and tries again', async () => {
    await serve({})
    const [first] = made
    boots = false
    first!.spend()
    await pass(0)
    expect(first!.state).toBe('ready')
    last().end('exit code 3')
    await pass(0)
    expect(first!.state).toBe('ready')
    boots = true
    await pass(5000)
    expect(first!.state).toBe('stopped')
    expect(supervisor.restarts.spent).toBe(1)
  })

  test('takes its time where each new worker is above the limit of memory', async () => {
    await serve({ maxWorkerMemory: 100 * MEGABYTE })
    const all = setInterval(() => {
      last().bytes = 101 * MEGABYTE
    }, 100)
    await pass(3000)
    expect(made).toHaveLength(2)
    await pass(55_000)
    expect(made).toHaveLength(2)
    await pass(10_000)
    expect(made).toHaveLength(3)
    await pass(290_000)
    expect(made).toHaveLength(3)
    clearInterval(all)
  })

  test('is not hurried by what no timer can hold', async () => {
    const longest = { maxWorkerLifetime: MAX_DURATION_MS, maxWorkerLifetimeJitter: MAX_DURATION_MS }
    await serve(longest)
    await pass(60_000)
    expect(made).toHaveLength(1)
  })
})
