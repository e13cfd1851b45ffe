/** The error log: entries on stderr or in a file, in Gunicorn's format or as JSON, and to syslog. */

import { closeSync, openSync, writeSync } from 'node:fs'
import { inspect } from 'node:util'
import { withoutDispatch } from './app-stack.ts'
import {
  type Blame,
  type ErrorCode,
  errorRow,
  isErrorCode,
  MonodonError,
  messageOf,
} from './errors.ts'
import {
  type Entry,
  formatEntry,
  formatForSyslog,
  type LogContext,
  type LogFormat,
  type LogLevel,
} from './log-entry.ts'
import type { Notables } from './notable.ts'

export { type LogContext, type LogLevel, printable } from './log-entry.ts'

const RANK: Readonly<Record<LogLevel, number>> = {
  debug: 0,
  info: 1,
  warning: 2,
  error: 3,
  critical: 4,
}

/** What clients do wrong is their everyday noise; the rest needs somebody. */
const LEVEL_OF_BLAME: Readonly<Record<Blame, LogLevel>> = {
  client: 'info',
  app: 'error',
  server: 'error',
  operator: 'error',
}

/** Severities of syslog (RFC 5424 section 6.2.1). */
const SEVERITY: Readonly<Record<LogLevel, number>> = {
  debug: 7,
  info: 6,
  warning: 4,
  error: 3,
  critical: 2,
}

const STDERR = 2
const RETRY_MS = 2
const MAX_RETRIES = 10

let threshold = RANK.info
let format: LogFormat = 'text'
let toSyslog: ((severity: number, text: string) => void) | undefined
let heard: ((entry: Entry, now: Date) => void) | undefined
let heardOfWorkers: ((notables: Notables) => void) | undefined
let dropped = 0
/** Where entries go, and the file that this is if it is one. */
let descriptor = STDERR
let file = ''

/**
 * Writes the entries of this thread to a file from now on (`--error-logfile`); `''` and `-` are
 * standard error.
 *
 * @throws MonodonError `MONODON_FILE_NOT_WRITABLE`
 */
export function logTo(path: string): void {
  const isFile = path !== '' && path !== '-'
  const opened = isFile ? openLog(path) : STDERR
  if (descriptor !== STDERR) closeSync(descriptor)
  descriptor = opened
  file = isFile ? path : ''
}

/** Opens the file of the log anew, after it was moved away. */
export function reopenLog(): void {
  if (file === '') return
  try {
    logTo(file)
  } catch (error) {
    logError(error)
  }
}

/** The descriptor of the log, for the standard error of a child. */
export function errorLogDescriptor(): number {
  return descriptor
}

function openLog(path: string): number {
  try {
    return openSync(path, 'a')
  } catch (error) {
    const detail = `--error-logfile: ${messageOf(error)}`
    throw new MonodonError('MONODON_FILE_NOT_WRITABLE', { detail })
  }
}

/** Sets what this thread logs (`--log-level`); `info` until then. */
export function setLogLevel(level: LogLevel): void {
  threshold = RANK[level]
}

/** Sets how this thread writes its entries (`--log-format`); `text` until then. */
export function setLogFormat(chosen: LogFormat): void {
  format = chosen
}

/** Has each entry of this thread handed to `send`, too, with its severity of syslog. */
export function alsoLogTo(send: (severity: number, text: string) => void): void {
  toSyslog = send
}

/** Has `hear` see each entry of this thread that is written. */
export function hearEntries(hear: (entry: Entry, now: Date) => void): void {
  heard = hear
}

/** Has `hear` know of the warnings and errors that workers have logged. */
export function hearWorkers(hear: (notables: Notables) => void): void {
  heardOfWorkers = hear
}

/** A worker has logged them itself: they are only heard of. */
export function noteWorkers(notables: Notables): void {
  heardOfWorkers?.(notables)
}

/** True when an entry of this level would be written. */
export function isLogged(level: LogLevel): boolean {
  return RANK[level] >= threshold
}

/** Writes one entry. Further lines of `message` are indented. */
export function log(level: LogLevel, message: string): void {
  if (isLogged(level)) writeEntry({ level, message })
}

/** A fault, as native code reports it. */
interface Reported {
  readonly code?: string | undefined
  readonly detail?: string | undefined
}

/** Logs a fault that native code reports. What has no code is none: the phases of a server. */
export function logReport({ code, detail }: Reported): void {
  if (code === undefined) return
  if (isErrorCode(code)) logFault(code, {}, detail)
  else log('error', `${code}: ${detail}`)
}

/**
 * Logs a fault by its code: what happened, to which request, who is to blame and what to do.
 * For faults of which there is no `Error`.
 */
export function logFault(code: ErrorCode, context: LogContext = {}, detail?: string): void {
  const row = errorRow(code)
  const level = LEVEL_OF_BLAME[row.blame]
  if (!isLogged(level)) return
  const message = detail === undefined ? row.message : `${row.message}: ${detail}`
  const { blame, hint } = row
  writeEntry({ level, message, fault: { ...context, code, blame, hint } })
}

/**
 * Logs anything that was thrown, in one entry. What is not a `MonodonError` was thrown by the app
 * (`MONODON_APP_THREW`). The stack follows when the app is to blame, so that it shows the place.
 */
export function logError(error: unknown, context: LogContext = {}): void {
  const own = error instanceof MonodonError ? error : undefined
  const code = own?.code ?? 'MONODON_APP_THREW'
  const row = errorRow(code)
  const level = LEVEL_OF_BLAME[row.blame]
  if (!isLogged(level)) return
  const message = own?.message ?? `${row.message}: ${summary(error)}`
  const stack = own === undefined ? inspected(error) : ownStack(own)
  const { blame, hint } = row
  writeEntry({ level, message, fault: { ...context, code, blame, hint, stack } })
}

/** The stack of an error of ours, if it says something: the app's place, or what caused it. */
function ownStack(error: MonodonError): string {
  if (error.cause !== undefined) return inspected(error.cause)
  if (error.blame !== 'app') return ''
  return withoutDispatch((error.stack ?? '').split('\n').slice(1).join('\n'))
}

/** One line about a thrown value, whatever it is. */
function summary(error: unknown): string {
  const text = shown(() =>
    error instanceof Error ? `${error.name}: ${error.message}` : inspect(error, { depth: 0 }),
  )
  return text.split('\n', 1)[0] ?? ''
}

/** The stack with the causes, or whatever describes a thrown value. */
function inspected(value: unknown): string {
  return shown(() => withoutDispatch(inspect(value, { depth: 4 })))
}

/** Never throws: the app may have thrown an object whose getters or proxy traps do. */
function shown(show: () => string): string {
  try {
    return show()
  } catch {
    return 'a value that cannot be shown'
  }
}

function writeEntry(entry: Entry): void {
  const now = new Date()
  write(formatEntry(entry, format, now))
  toSyslog?.(SEVERITY[entry.level], formatForSyslog(entry, format, now))
  heard?.(entry, now)
}

/**
 * Writes straight to the descriptor. In a worker thread `process.stderr` passes everything through
 * the main thread's event loop: entries would come late, out of order, or never when the process
 * goes down. One `write` per entry keeps the entries of several threads apart.
 */
function write(entry: string): void {
  if (dropped > 0) {
    // It begins a new line: the last entry that was lost may have been written in part.
    const lost = `\nmonodon: ${dropped} log entries were lost: stderr was full\n`
    if (!writeFully(Buffer.from(lost))) {
      dropped += 1
      return
    }
    dropped = 0
  }
  if (!writeFully(Buffer.from(entry))) dropped += 1
}

/** False when stderr is full or closed: the log must not stop the server. */
function writeFully(bytes: Buffer): boolean {
  let offset = 0
  let retries = 0
  while (offset < bytes.length) {
    try {
      offset += writeSync(descriptor, bytes, offset)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || retries++ === MAX_RETRIES)
        return false
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS)
    }
  }
  return true
}
