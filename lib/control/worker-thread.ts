import { Worker } from 'node:worker_threads'
import { logError } from '../log.ts'
import type { FromWorker, ToWorker, WorkerData } from '../worker/protocol.ts'

/** Where a worker is in its life. */
export type WorkerState = 'booting' | 'ready' | 'draining' | 'stopped'

/** A worker in a thread of its own. */
export class WorkerThread {
  state: WorkerState = 'booting'
  /** Resolves when the app is loaded and answers; rejects when the worker could not boot. */
  readonly ready: Promise<Extract<FromWorker, { type: 'ready' }>>
  /** Resolves when the thread has ended, with its exit code. */
  readonly ended: Promise<number>
  private readonly thread: Worker

  /** `number` counts from 1; `top -H` shows `monodon-worker-N`. */
  constructor(number: number, data: Omit<WorkerData, 'name'>) {
    const name = `monodon-worker-${number}`
    const workerData: WorkerData = { name, ...data }
    this.thread = new Worker(new URL('../worker/main.js', import.meta.url), { workerData, name })
    this.ended = new Promise((resolve) => {
      this.thread.once('exit', (code) => {
        this.state = 'stopped'
        resolve(code)
      })
    })
    this.ready = new Promise((resolve, reject) => {
      this.thread.on('message', (message: FromWorker) => {
        if (message.type === 'failed') return reject(new BootFailure(message.text))
        if (this.state === 'booting') this.state = 'ready'
        resolve(message)
      })
      this.thread.on('error', (error) => {
        logError(error, { worker: number })
        reject(new BootFailure('the app threw out of the worker'))
      })
      void this.ended.then((code) => reject(new BootFailure(`the worker exited with code ${code}`)))
    })
    // Who does not wait for it need not hear of it here: the end of the thread is logged.
    this.ready.catch(() => {})
  }

  /** Lets it finish what it holds, up to `timeoutMs`; then it is terminated. */
  async stop(timeoutMs: number): Promise<void> {
    if (this.state === 'stopped') return
    const booted = this.state === 'ready'
    this.state = 'draining'
    if (booted) {
      const message: ToWorker = { type: 'stop', timeoutMs }
      this.thread.postMessage(message)
    }
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, booted ? timeoutMs + TERMINATE_MS : 0)
    })
    await Promise.race([this.ended, late])
    clearTimeout(timer)
    if (!this.hasEnded()) await this.thread.terminate()
    await this.ended
  }

  private hasEnded(): boolean {
    return this.state === 'stopped'
  }
}

/** A worker that was told to stop and blocks its event loop is terminated after this long. */
const TERMINATE_MS = 1000

/** A worker that could not load its app. The message is for people. */
export class BootFailure extends Error {}
