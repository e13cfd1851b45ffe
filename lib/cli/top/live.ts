/** The screen of `monodon top` while it is watched: it looks at the server, draws, and heeds keys. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { WriteStream } from 'node:tty'
import { MonodonError, messageOf } from '../../errors.ts'
import type { Snapshot } from '../../observe/snapshot.ts'
import { History } from '../../observe/view/history.ts'
import { visibleAscii } from '../../observe/view/text.ts'
import { hearKeys } from '../keys.ts'
import { painted } from './line.ts'
import { screen } from './screen.ts'
import type { Source } from './source.ts'
import { Screen } from './terminal.ts'
import { SORT_NAMES, SORTS, type Sort } from './workers.ts'

export interface LiveSettings {
  /** Milliseconds between two looks. */
  readonly interval: number
  readonly sort: Sort
  readonly hasColors: boolean
  readonly hasUnicode: boolean
}

/** They end a process; here the terminal is given back first. */
const ENDING: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGQUIT']

export class Live {
  private readonly source: Source
  private readonly terminal: Screen
  private readonly out: WriteStream
  private readonly settings: LiveSettings
  private readonly history = new History()
  private snapshot: Snapshot | undefined
  private sort: Sort
  private isPaused = false
  /** Why there is nothing newer to show; `''` if there is. */
  private fault = ''
  /** Is aborted at the end. */
  private readonly over = new AbortController()

  constructor(source: Source, out: WriteStream, settings: LiveSettings) {
    this.source = source
    this.out = out
    this.terminal = new Screen(out)
    this.settings = settings
    this.sort = settings.sort
  }

  /**
   * Resolves with the exit code when it was quit.
   *
   * @throws MonodonError `MONODON_NO_SERVER` when no server answers at the start
   */
  async run(): Promise<number> {
    this.see(await this.source.snapshot())
    const letGo = this.takeTerminal()
    const { signal } = this.over
    const quit = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    try {
      while (!signal.aborted) {
        this.draw()
        await sleep(this.settings.interval, undefined, { signal }).catch(() => {})
        // A server that does not answer holds nobody up who leaves.
        if (!this.isPaused) await Promise.race([this.look(), quit])
      }
    } finally {
      letGo()
    }
    return 0
  }

  private async look(): Promise<void> {
    try {
      const snapshot = await this.source.snapshot()
      this.see(snapshot)
      this.fault = ''
    } catch (error) {
      const isGone = error instanceof MonodonError && error.code === 'MONODON_NO_SERVER'
      this.fault = isGone ? 'server gone, trying again' : visibleAscii(messageOf(error))
    }
  }

  private see(snapshot: Snapshot): void {
    this.snapshot = snapshot
    this.history.add(snapshot)
  }

  private draw(): void {
    const { snapshot, history, sort, settings } = this
    if (snapshot === undefined) return
    const notice = this.fault || (this.isPaused ? 'paused' : '')
    const scene = { snapshot, history, sort, notice, hasUnicode: settings.hasUnicode }
    const lines = screen(scene, this.terminal.size)
    this.terminal.draw(lines.map((line) => painted(line, settings.hasColors)))
  }

  /** Until what is returned is called. */
  private takeTerminal(): () => void {
    const { terminal, out } = this
    const redraw = (): void => this.draw()
    const quit = (): void => this.over.abort()
    const end = (signal: NodeJS.Signals): void => {
      letGo()
      process.kill(process.pid, signal)
    }
    out.on('resize', redraw)
    // The terminal is gone, or the pipe that was made of it.
    out.on('error', quit)
    process.on('SIGINT', quit)
    for (const signal of ENDING) process.on(signal, end)
    const enter = (): void => {
      terminal.enter()
      redraw()
    }
    let letGoKeys = (): void => {}
    if (process.stdin.isTTY) {
      const press = (key: string): void => this.press(key)
      letGoKeys = hearKeys(process.stdin, { press, gone: quit, enter, leave: terminal.leave })
    } else enter()
    const letGo = (): void => {
      letGoKeys()
      terminal.leave()
      out.off('resize', redraw)
      process.off('SIGINT', quit)
      for (const signal of ENDING) process.off(signal, end)
    }
    return letGo
  }

  private press(key: string): void {
    const sort = SORT_NAMES.find((name) => SORTS[name].key === key)
    if (key === 'q') this.over.abort()
    else if (key === 'p') this.isPaused = !this.isPaused
    else if (sort !== undefined) this.sort = sort
    this.draw()
  }
}
