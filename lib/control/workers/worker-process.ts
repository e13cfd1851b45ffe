import { type ChildProcess, spawn } from 'node:child_process'
import { LAYOUT_VERSION } from '../../bridge/layout.ts'
import type { NativeProcess } from '../../bridge/native.ts'
import { errorText } from '../../errors.ts'
import { log, noteWorkers } from '../../log.ts'
import { within } from '../../within.ts'
import type { FromWorker, StartMessage, WorkerData } from '../../worker/protocol.ts'
import type { Listener } from '../listen/listener.ts'
import {
  BootFailure,
  endedWhileLoading,
  KILL_AFTER_MS,
  type OnLoaded,
  type Ready,
  type SupervisedWorker,
  stopWorker,
  type WorkerState,
} from './app-worker.ts'
import type { Program } from './program.ts'
import { residentMemory } from './resident-memory.ts'
import { threadName } from './threads.ts'

/** How long a worker that hangs may take to write where it hangs, in milliseconds. */
const DUMP_MS = 300

/** A worker in a process of its own; docs/worker-protocol.md is what it speaks. */
export class WorkerProcess implements SupervisedWorker {
  readonly number: number
  state: WorkerState = 'booting'
  readonly ready: Promise<Ready>
  readonly ended: Promise<string>
  readonly spent: Promise<void>
  private readonly program: Program
  private readonly native: NativeProcess
  private readonly onLoaded: OnLoaded
  private readonly child: ChildProcess
  /** Resolves when its connection has ended. */
  private readonly hungUp: Promise<void>
  private tellHungUp!: () => void
  private tellSpent!: () => void
  private tellReady!: (ready: Ready) => void
  private tellFailed!: (error: Error) => void

  constructor(
    number: number,
    program: Program,
    data: Omit<WorkerData, 'name' | 'number'>,
    listener: Listener,
    onLoaded: OnLoaded,
  ) {
    this.number = number
    this.onLoaded = onLoaded
    this.program = program
    this.spent = new Promise((resolve) => {
      this.tellSpent = resolve
    })
    this.hungUp = new Promise((resolve) => {
      this.tellHungUp = resolve
    })
    this.ready = new Promise((resolve, reject) => {
      this.tellReady = resolve
      this.tellFailed = reject
    })
    // Who does not wait for it need not hear of it here: the end of the process is logged.
    this.ready.catch(() => {})
    this.native = listener.attachProcess(number, (message) => this.hear(message))
    this.child = this.start(data.app)
    this.ended = this.watch()
    const start: StartMessage = {
      type: 'start',
      layout: LAYOUT_VERSION,
      name: threadName(number),
      number,
      ...data,
    }
    this.native.tell(JSON.stringify(start))
  }

  get pid(): number | undefined {
    return this.child.pid
  }

  get serverEnded(): boolean {
    return this.native.serverEnded
  }

  stop(timeoutMs: number): Promise<void> {
    return stopWorker(this, timeoutMs, () => this.native.stop(timeoutMs))
  }

  async kill(): Promise<void> {
    if (this.state === 'hung') await this.dumpStacks()
    if (!this.hasEnded()) this.child.kill('SIGKILL')
    await this.ended
  }

  async memory(): Promise<number | undefined> {
    return this.pid === undefined ? undefined : residentMemory(this.pid)
  }

  utilization(): undefined {}

  reopenLogs(): void {
    this.native.tell(JSON.stringify({ type: 'reopenLogs' }))
  }

  private start(app: string): ChildProcess {
    const { command, args, cwd, errorLog } = this.program
    try {
      return spawn(command, [...args, app], {
        cwd,
        stdio: ['ignore', 'inherit', errorLog(), this.native.descriptor],
      })
    } finally {
      // The child has its copy.
      this.native.closeDescriptor()
    }
  }

  private watch(): Promise<string> {
    return new Promise((resolve) => {
      const end = (how: string, failure: BootFailure): void => {
        this.state = 'stopped'
        this.tellFailed(failure)
        resolve(how)
      }
      this.child.once('error', (error) =>
        end(error.message, new BootFailure(errorText(this.program.notStarted(error)))),
      )
      this.child.once('exit', async (code, signal) => {
        const how = signal ?? `exit code ${code}`
        // What it said last comes by another way. A child of the app's may keep that open.
        await within(KILL_AFTER_MS, this.hungUp)
        end(how, endedWhileLoading(how))
      })
    })
  }

  private hear(text: string | null): void {
    // The end of the connection: the end of the process follows, or is made.
    if (text === null) {
      this.tellHungUp()
      // When the server ends, its workers may take the time that `stop` gives them.
      if (!this.serverEnded) void within(KILL_AFTER_MS, this.ended).then(() => this.kill())
      return
    }
    const message = parse(text)
    if (message?.type === 'ready' || message?.type === 'broken') {
      if (this.state === 'booting') this.state = 'ready'
      this.tellReady(message)
    } else if (message?.type === 'failed') this.tellFailed(new BootFailure(message.text))
    else if (message?.type === 'spent') this.tellSpent()
    else if (message?.type === 'loaded') this.onLoaded(message.files)
    else if (message?.type === 'logged') noteWorkers(message)
  }

  private async dumpStacks(): Promise<void> {
    const { dumpSignal } = this.program
    if (dumpSignal === undefined) {
      const hint = 'with worker-class thread the log would have the stack'
      log('info', `worker ${this.number} hangs, and a process of Node cannot say where: ${hint}`)
      return
    }
    this.child.kill(dumpSignal)
    await within(DUMP_MS, this.ended)
  }

  private hasEnded(): boolean {
    return this.state === 'stopped'
  }
}

/** A message of a worker; `undefined` for what is none. */
function parse(text: string): FromWorker | undefined {
  try {
    const message: unknown = JSON.parse(text)
    return typeof message === 'object' && message !== null ? (message as FromWorker) : undefined
  } catch {
    return undefined
  }
}
