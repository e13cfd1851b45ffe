import { log } from '../../log.ts'
import type { ErrorStream } from './types.ts'

/** `wsgi.errors`: each line becomes an entry of the error log. One stream serves all requests. */
export class ErrorLog implements ErrorStream {
  private line = ''
  private scheduled: NodeJS.Immediate | undefined

  write(text: string): void {
    if (typeof text !== 'string')
      throw new TypeError(`wsgi.errors takes strings, not ${typeof text}`)
    const lines = (this.line + text).split('\n')
    this.line = lines.pop()!
    for (const line of lines) log('error', line)
    // A line without an end is not kept back for longer than the app may need to complete it.
    if (this.line !== '') this.scheduled ??= setImmediate(() => this.flush())
  }

  writelines(lines: Iterable<string>): void {
    for (const line of lines) this.write(line)
  }

  flush(): void {
    clearImmediate(this.scheduled)
    this.scheduled = undefined
    if (this.line === '') return
    const line = this.line
    this.line = ''
    log('error', line)
  }
}
