/** Tells statsd what has happened (`--statsd-host`), once a second. */

import { type NativeServer, type NativeStatsd, openStatsd } from '../bridge/native.ts'
import { logError, logReport } from '../log.ts'
import { NOTABLE_KINDS, type NotableCounts } from '../notable.ts'
import { DURATION, frameOf, statsdLines } from '../observe/statsd.ts'
import type { Options } from '../options/table.ts'
import { startFailure } from './listen/start-failure.ts'

const EVERY_MS = 1000
/** Times of requests that are sent each time, at most; of more requests they are a sample. */
const MOST_TIMES = 1000

/** Where the figures come from. */
export interface StatsdSource {
  /** Tells of times of requests, and gives their statuses, since the last call, from the first one on. */
  readonly tally: NativeServer['tally']
  /** Warnings and errors of the logs so far. */
  logged(): NotableCounts
  /** Workers that there are. */
  workers(): number
}

/** The options that it goes by. */
type StatsdOptions = Pick<Options, 'statsdHost' | 'statsdPrefix' | 'dogstatsdTags'>

/** An open way to a statsd. */
interface Way {
  readonly host: string
  readonly native: NativeStatsd
}

export class StatsdClient {
  private options: StatsdOptions
  private readonly source: StatsdSource
  private way: Way | undefined
  private timer: NodeJS.Timeout | undefined
  private told: NotableCounts

  constructor(options: StatsdOptions, source: StatsdSource) {
    this.options = options
    this.source = source
    this.told = source.logged()
  }

  /**
   * Opens the way there, if the options name one, and begins to count. Called again, it counts what is
   * there to be counted then.
   *
   * @throws MonodonError when the way cannot be opened
   */
  start(): void {
    const { statsdHost: host } = this.options
    if (this.way?.host !== host) {
      const opened = host === '' ? undefined : { host, native: open(host) }
      this.close()
      this.way = opened
      if (opened !== undefined) this.timer = setInterval(() => this.send(), EVERY_MS).unref()
    }
    this.send()
  }

  /** Goes by other options from now on; what was counted until now goes by the old ones. */
  reconfigure(options: StatsdOptions): void {
    this.send()
    this.options = options
    try {
      this.start()
    } catch (error) {
      logError(error)
    }
  }

  /** Sends what has happened since the last time. */
  send(): void {
    if (this.way === undefined) return
    const { native } = this.way
    const frame = frameOf(this.options)
    const logged = this.source.logged()
    const happened = {
      statuses: this.source.tally(MOST_TIMES, native, `${frame.before}${DURATION}:`, frame.behind),
      logged: difference(logged, this.told),
      workers: this.source.workers(),
    }
    this.told = logged
    native.write(statsdLines(happened, frame))
  }

  /** Sends the rest, for which the end of the process waits. */
  stop(): void {
    this.send()
    this.close()
  }

  private close(): void {
    clearInterval(this.timer)
    this.way?.native.close()
    this.way = undefined
  }
}

function open(host: string): NativeStatsd {
  try {
    return openStatsd(host, logReport)
  } catch (error) {
    throw startFailure(error)
  }
}

function difference(now: NotableCounts, before: NotableCounts): NotableCounts {
  const pairs = NOTABLE_KINDS.map((kind) => [kind, now[kind] - before[kind]])
  return Object.fromEntries(pairs) as unknown as NotableCounts
}
