/** The alternate screen of a terminal, which is left as it was found. */

import type { WriteStream } from 'node:tty'
import type { Size } from './screen.ts'

/** Another screen, no cursor, and no line that goes on in the next (xterm's control sequences). */
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J'
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l'
const HOME = '\x1b[H'
const ERASE_LINE = '\x1b[K'
const ERASE_BELOW = '\x1b[J'

/** Of a terminal that does not tell. */
const USUAL: Size = { columns: 80, rows: 24 }

export class Screen {
  private readonly out: WriteStream
  private isOpen = false

  constructor(out: WriteStream) {
    this.out = out
  }

  get size(): Size {
    // A terminal without a size has 0 of each.
    return { columns: this.out.columns || USUAL.columns, rows: this.out.rows || USUAL.rows }
  }

  enter(): void {
    if (this.isOpen) return
    this.isOpen = true
    process.on('exit', this.leave)
    // What is printed about a failure is to be seen after it.
    process.on('uncaughtExceptionMonitor', this.leave)
    this.out.write(ENTER)
  }

  readonly leave = (): void => {
    if (!this.isOpen) return
    this.isOpen = false
    process.off('exit', this.leave)
    process.off('uncaughtExceptionMonitor', this.leave)
    this.out.write(LEAVE)
  }

  /** Draws over what is there. A terminal that does not keep up misses some. */
  draw(lines: readonly string[]): void {
    if (!this.isOpen || this.out.writableNeedDrain) return
    const text = lines.map((line) => `${line}${ERASE_LINE}`).join('\r\n')
    this.out.write(`${HOME}${text}${ERASE_BELOW}`)
  }
}
