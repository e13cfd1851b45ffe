import type { EventLoopUtilization } from 'node:perf_hooks'
import type { Worker } from 'node:worker_threads'
import { log, logError, noteWorkers } from '../../log.ts'
import type { FromWorker, ThreadStart, ToThread } from '../../worker/protocol.ts'
import {
  BootFailure,
  endedWhileLoading,
  type OnLoaded,
  type Ready,
  type SupervisedWorker,
  stopWorker,
  type WorkerState,
} from './app-worker.ts'
import { stackOfThread } from './thread-stack.ts'
import { showOutput, takeThread, threadName } from './threads.ts'

/** A worker in a thread of its own. */
export class WorkerThread implements SupervisedWorker {
  readonly number: number
  readonly pid = undefined
  state: WorkerState = 'booting'
  /** It does not notice the end of the server: it is told to stop. */
  readonly serverEnded = false
  readonly ready: Promise<Ready>
  readonly ended: Promise<string>
  readonly spent: Promise<void>
  private readonly thread: Worker
  private readonly onLoaded: OnLoaded
  private tellSpent!: () => void
  /** How busy it was when that was asked last. */
  private utilized: EventLoopUtilization | undefined
  /** Who waits for its memory. */
  private measured: ((bytes: number | undefined) => void) | undefined

  constructor(
    number: number,
    data: Omit<ThreadStart, 'type' | 'name' | 'number' | 'env'>,
    onLoaded: OnLoaded,
  ) {
    this.number = number
    this.onLoaded = onLoaded
    this.thread = takeThread(number)
    this.spent = new Promise((resolve) => {
      this.tellSpent = resolve
    })
    this.ended = new Promise((resolve) => {
      this.thread.once('exit', (code) => {
        this.state = 'stopped'
        this.measured?.(undefined)
        resolve(`exit code ${code}`)
      })
    })
    this.ready = new Promise((resolve, reject) => {
      this.thread.on('message', (message: FromWorker) => this.hear(message, resolve, reject))
      this.thread.on('error', (error) => {
        logError(error, { worker: number })
        reject(new BootFailure('the app threw out of the worker'))
      })
      void this.ended.then((how) => reject(endedWhileLoading(how)))
    })
    // Who does not wait for it need not hear of it here: the end of the thread is logged.
    this.ready.catch(() => {})
    this.tell({ type: 'start', name: threadName(number), number, env: { ...process.env }, ...data })
    // While it boots, which it does alone.
    showOutput(this.thread)
  }

  stop(timeoutMs: number): Promise<void> {
    return stopWorker(this, timeoutMs, () => this.tell({ type: 'stop', timeoutMs }))
  }

  async kill(): Promise<void> {
    if (this.state === 'hung') await this.logStack()
    if (!this.hasEnded()) await this.thread.terminate()
    await this.ended
  }

  memory(): Promise<number | undefined> {
    if (this.hasEnded()) return Promise.resolve(undefined)
    // One that is busy is not asked again, and is not waited for.
    if (this.measured === undefined) this.tell({ type: 'measure' })
    return new Promise((resolve) => {
      this.measured?.(undefined)
      this.measured = resolve
    })
  }

  utilization(): number | undefined {
    if (this.state !== 'ready' && this.state !== 'draining') return undefined
    const now = this.thread.performance.eventLoopUtilization()
    const before = this.utilized
    this.utilized = now
    // Without one before, Node would take `now` for it: that is the time since.
    if (before === undefined) return now.utilization
    return this.thread.performance.eventLoopUtilization(now, before).utilization
  }

  reopenLogs(): void {
    this.tell({ type: 'reopenLogs' })
  }

  private async logStack(): Promise<void> {
    const stack = await stackOfThread(this.thread.threadId)
    const where =
      stack.length > 0
        ? `:\n${stack.join('\n')}`
        : ', and runs no JavaScript: it waits, for a promise perhaps, or is in native code'
    log('error', `worker ${this.number} hangs${where}`)
  }

  private tell(message: ToThread): void {
    this.thread.postMessage(message)
  }

  private hear(
    message: FromWorker,
    resolve: (ready: Ready) => void,
    reject: (error: Error) => void,
  ): void {
    if (message.type === 'failed') reject(new BootFailure(message.text))
    else if (message.type === 'spent') this.tellSpent()
    else if (message.type === 'loaded') this.onLoaded(message.files)
    else if (message.type === 'logged') noteWorkers(message)
    else if (message.type === 'memory') {
      this.measured?.(message.bytes)
      this.measured = undefined
    } else {
      if (this.state === 'booting') this.state = 'ready'
      resolve(message)
    }
  }

  private hasEnded(): boolean {
    return this.state === 'stopped'
  }
}
