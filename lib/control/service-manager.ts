/** What the service manager is told: systemd with `Type=notify` (sd_notify(3)). */

import { notifyManager } from '../bridge/native.ts'
import { messageOf } from '../errors.ts'
import { log } from '../log.ts'
import type { Predecessor } from './upgrade/predecessor.ts'

/** For the rest of its life a server has no more than this to say. */
type State = 'READY=1' | 'STOPPING=1'

export class ServiceManager {
  private readonly socket: string | undefined
  /** Milliseconds between two signs of life; 0 for none. */
  private readonly pulseMs: number
  /** Only the main process of a service is heard. */
  private isMain: boolean
  private state: State | undefined
  private status = ''
  private watchdog: NodeJS.Timeout | undefined

  /**
   * Without `NOTIFY_SOCKET` nobody is told anything. A server that has a predecessor is silent until
   * that has gone.
   */
  constructor(env: NodeJS.ProcessEnv, predecessor?: Predecessor) {
    this.socket = env['NOTIFY_SOCKET'] || undefined
    this.pulseMs = this.socket === undefined ? 0 : pulseOf(env)
    this.isMain = predecessor === undefined
    this.beat()
    void predecessor?.left.then(() => this.takeOver())
  }

  /** It serves. */
  ready(status: string): void {
    this.state = 'READY=1'
    this.status = status
    this.tell(this.state, `STATUS=${status}`)
  }

  /** It loads the app or its options anew, and says `ready` when that is over, however it went. */
  reloading(): void {
    // On Linux the clock of `hrtime` is CLOCK_MONOTONIC, which is what is asked for.
    const now = process.hrtime.bigint() / 1000n
    this.tell('RELOADING=1', `MONOTONIC_USEC=${now}`, 'STATUS=Reloading')
  }

  /** It serves again, or still. */
  reloaded(): void {
    if (this.state === 'READY=1') this.ready(this.status)
  }

  /** It takes no more requests. */
  stopping(): void {
    this.state = 'STOPPING=1'
    this.tell(this.state, 'STATUS=Finishing what is under way')
  }

  /** Another process is the service from now on. */
  handOver(pid: number): void {
    this.tell(`MAINPID=${pid}`)
    this.isMain = false
  }

  /** Ends the signs of life. */
  close(): void {
    clearInterval(this.watchdog)
  }

  private takeOver(): void {
    this.isMain = true
    if (this.state !== undefined)
      this.tell(`MAINPID=${process.pid}`, this.state, `STATUS=${this.status}`)
    this.tell('WATCHDOG=1')
  }

  /** The timer shows that the event loop of the arbiter turns. */
  private beat(): void {
    if (this.pulseMs > 0)
      this.watchdog = setInterval(() => this.tell('WATCHDOG=1'), this.pulseMs).unref()
  }

  private tell(...lines: string[]): void {
    if (this.socket === undefined || !this.isMain) return
    try {
      notifyManager(this.socket, lines.join('\n'))
    } catch (error) {
      const why = messageOf(error)
      log('warning', `The service manager could not be told ${lines[0]}: ${why}`)
    }
  }
}

/** Half of the time that the service manager gives, as sd_watchdog_enabled(3) advises. */
function pulseOf({ WATCHDOG_USEC: usec, WATCHDOG_PID: pid }: NodeJS.ProcessEnv): number {
  const isForThis = pid === undefined || Number(pid) === process.pid
  const given = Number(usec)
  return isForThis && given > 0 ? Math.max(1, Math.floor(given / 2000)) : 0
}
