/** `monodon dev`: what is shown at the start, and the keys that are heeded in a terminal. */

import { readFileSync } from 'node:fs'
import type { ReadStream } from 'node:tty'
import type { Controls } from '../control/arbiter.ts'
import { packageVersion } from '../version.ts'

/** Clears the terminal with what was scrolled away, and moves to its top. */
const CLEAR = '\x1b[2J\x1b[3J\x1b[H'

/** After this many milliseconds a signal has had its effect. */
const SETTLE_MS = 100

/** Shows where the server is, and heeds keys until what is returned is called. */
export function openConsole(controls: Controls): () => void {
  const { stdin } = process
  const hasKeys = stdin.isTTY === true
  say(banner(controls.urls, hasKeys))
  return hasKeys ? new Keys(stdin, controls).open() : () => {}
}

function banner(urls: readonly string[], hasKeys: boolean): string {
  const hint = hasKeys ? '\n  Keys: r reload, u URL, c clear, q quit, h help\n' : ''
  return `\n  monodon ${packageVersion()} dev\n\n${urlLines(urls)}${hint}\n`
}

function urlLines(urls: readonly string[]): string {
  return urls.map((url) => `  ${url}\n`).join('')
}

const HELP = `
  r  reload: replace the workers by new ones
  u  show the URL
  c  clear the terminal
  q  quit, as does Ctrl-C
  h  show this

`

/**
 * Keys, one at a time. The terminal is in raw mode meanwhile, in which Ctrl-C and its like come as
 * characters: they are made the signals that they are for, to the whole group of processes, as the
 * terminal would.
 */
class Keys {
  private readonly stdin: ReadStream
  private readonly controls: Controls
  private isRaw = false

  constructor(stdin: ReadStream, controls: Controls) {
    this.stdin = stdin
    this.controls = controls
  }

  open(): () => void {
    this.stdin.on('data', this.hear)
    // The terminal was closed. HUP, which comes with that, has another meaning here.
    for (const event of ['end', 'error']) this.stdin.on(event, quit)
    // The shell has its own modes while this process is stopped.
    process.on('SIGCONT', this.enter)
    process.on('exit', this.leave)
    this.enter()
    return () => {
      this.leave()
      this.stdin.off('data', this.hear)
      for (const event of ['end', 'error']) this.stdin.off(event, quit)
      process.off('SIGCONT', this.enter)
      process.off('exit', this.leave)
    }
  }

  private readonly enter = (): void => {
    // The mode that is set already is not set again, though a shell has changed it.
    this.leave()
    if (!isInForeground()) return
    this.isRaw = true
    this.stdin.setRawMode(true)
    this.stdin.resume()
  }

  private readonly leave = (): void => {
    if (!this.isRaw) return
    this.isRaw = false
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
      case 'r':
        this.controls.reload('the key r was pressed')
        break
      case 'u':
        say(urlLines(this.controls.urls))
        break
      case 'c':
        say(CLEAR)
        break
      case 'h':
        say(HELP)
        break
      case 'q':
        quit()
        break
      case '\r':
        say('\n')
        break
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

function quit(): void {
  process.kill(process.pid, 'SIGINT')
}

function say(text: string): void {
  process.stdout.write(text)
}
