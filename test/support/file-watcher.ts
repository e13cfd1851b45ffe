import { appendFileSync, closeSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Observer } from './apps/probe.ts'

const BUFFER = Buffer.alloc(65_536)

/**
 * A `Watcher` of an app in another process: the app appends its events to one file, a line each, and
 * stands at the gate until another file grows (`test/support/apps/python/probe.py`).
 */
export class FileWatcher implements Observer {
  readonly #folder = mkdtempSync(join(tmpdir(), 'monodon-events-'))
  readonly #events = join(this.#folder, 'events')
  readonly #gate = join(this.#folder, 'gate')
  readonly #file = openSync(this.#events, 'a+')
  #offset = 0
  #rest = ''
  #isOpen = true
  #calls: string[] = []
  #notes: string[] = []
  #completions = 0
  readonly #breaches: string[] = []

  /** What the app's environment has to hold. */
  readonly env = {
    TEST_EVENTS_FILE: this.#events,
    TEST_GATE_FILE: this.#gate,
    PYTHONDONTWRITEBYTECODE: '1',
  }

  get calls(): readonly string[] {
    this.#read()
    return this.#calls
  }

  get notes(): readonly string[] {
    this.#read()
    return this.#notes
  }

  get completions(): number {
    this.#read()
    return this.#completions
  }

  /** What wsgiref's validator found, on either side, since the beginning. */
  get breaches(): readonly string[] {
    this.#read()
    return this.#breaches
  }

  count(event: string): number {
    return this.notes.filter((note) => note === event).length
  }

  open(): void {
    appendFileSync(this.#gate, '.')
  }

  reset(): void {
    this.#read()
    this.#calls = []
    this.#notes = []
    this.#completions = 0
  }

  /** Removes the files; what was seen stays. */
  remove(): void {
    this.#read()
    this.#isOpen = false
    closeSync(this.#file)
    rmSync(this.#folder, { recursive: true })
  }

  #read(): void {
    while (this.#isOpen) {
      const count = readSync(this.#file, BUFFER, 0, BUFFER.length, this.#offset)
      if (count === 0) return
      this.#offset += count
      const lines = (this.#rest + BUFFER.toString('latin1', 0, count)).split('\n')
      this.#rest = lines.pop()!
      for (const line of lines) this.#heed(line)
    }
  }

  #heed(line: string): void {
    const space = line.indexOf(' ')
    const text = line.slice(space + 1)
    const kind = line.slice(0, space)
    if (kind === 'call') this.#calls.push(text)
    else if (kind === 'note') this.#notes.push(text)
    else if (kind === 'breach') this.#breaches.push(text)
    else if (kind === 'complete') this.#completions += 1
    else throw new Error(`the app wrote an event of no known kind: ${line}`)
  }
}
