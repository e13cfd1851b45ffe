/** Keys of a terminal, one at a time. */

import { readFileSync } from 'node:fs'
import type { ReadStream } from 'node:tty'

/** After this many milliseconds a signal has had its effect. */
const SETTLE_MS = 100

export interface KeyHandlers {
  /** A key was pressed: one character. */
  press(key: string): void
  /** The terminal was closed. */
  gone(): void
  /** This process has the terminal: at first, when it goes on after it was stopped, and when a child has ended. */
  enter?(): void
  /** It is about to be stopped or to end: the terminal is somebody else's. */
  leave?(): void
}

/**
 * Hears keys until what is returned is called. The terminal is in raw mode meanwhile, in which Ctrl-C
 * and its like come as characters: they are made the signals that they are for, to the whole group of
 * processes, as the terminal would.
 */
export function hearKeys(stdin: ReadStream, handlers: KeyHandlers): () => void {
  return new Keys(stdin, handlers).open()
}

class Keys {
  private readonly stdin: ReadStream
  private readonly handlers: KeyHandlers
  private isRaw = false

  constructor(stdin: ReadStream, handlers: KeyHandlers) {
    this.stdin = stdin
    this.handlers = handlers
  }

  open(): () => void {
    this.stdin.on('data', this.hear)
    // The terminal was closed. HUP, which comes with that, has another meaning here.
    for (const event of ['end', 'error']) this.stdin.on(event, this.handlers.gone)
    // The shell has its own modes while this process is stopped.
    process.on('SIGCONT', this.enter)
    // Node sets the terminal as it has found it when a process ends, a worker before these modes too.
    process.on('SIGCHLD', this.enter)
    process.on('exit', this.leave)
    // What is printed about a failure is to be seen after it.
    process.on('uncaughtExceptionMonitor', this.leave)
    this.enter()
    return () => {
      this.leave()
      this.stdin.off('data', this.hear)
      for (const event of ['end', 'error']) this.stdin.off(event, this.handlers.gone)
      process.off('SIGCONT', this.enter)
      process.off('SIGCHLD', this.enter)
      process.off('exit', this.leave)
      process.off('uncaughtExceptionMonitor', this.leave)
    }
  }

  private readonly enter = (): void => {
    // The mode that is set already is not set again, though a shell has changed it.
    this.leave()
    if (!isInForeground()) return
    this.isRaw = true
    this.stdin.setRawMode(true)
    this.stdin.resume()
    this.handlers.enter?.()
  }

  private readonly leave = (): void => {
    if (!this.isRaw) return
    this.isRaw = false
    this.handlers.leave?.()
    this.stdin.setRawMode(false)
    this.stdin.pause()
  }

  private readonly hear = (data: Buffer): void => {
    // A key such as an arrow is several characters, and means nothing here.
    if (data[0] === 0x1b) return
    for (const key of data.toString('latin1')) this.press(key)
  }

  private press(key: string): void {
    switch (key) {
      case '\x03':
        process.kill(0, 'SIGINT')
        break
      case '\x1c':
        process.kill(0, 'SIGQUIT')
        break
      case '\x1a':
        this.leave()
        process.kill(0, 'SIGTSTP')
        // Where no shell could continue it, the system does not stop it.
        setTimeout(this.enter, SETTLE_MS)
        break
      default:
        this.handlers.press(key)
    }
  }
}

/**
 * Whether this process may read from the terminal and set its mode: a job in the background would be
 * stopped for it. Told by Linux alone; elsewhere it is taken to be so.
 */
function isInForeground(): boolean {
  try {
    // proc_pid_stat(5): after the name in parentheses come state, ppid, pgrp, session, tty_nr, tpgid.
    const fields = readFileSync('/proc/self/stat', 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ')
    return fields[2] === fields[5]
  } catch {
    return true
  }
}
