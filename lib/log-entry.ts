/** An entry of the error log, as it is written: as text in Gunicorn's format, or as JSON. */

import { SECRET_PARAMETER } from './dev/secrets.ts'
import type { Blame, ErrorCode } from './errors.ts'
import type { Options } from './options/table.ts'

export type LogLevel = Options['logLevel']
export type LogFormat = Options['logFormat']

/** What an error was about, as far as it is known. */
export interface LogContext {
  readonly method?: string | undefined
  readonly target?: string | undefined
  /** The worker's number. */
  readonly worker?: number | undefined
}

/** What an entry says of an error. */
export interface Fault extends LogContext {
  readonly code: ErrorCode
  readonly blame: Blame
  readonly hint: string
  readonly stack?: string | undefined
}

export interface Entry {
  readonly level: LogLevel
  readonly message: string
  readonly fault?: Fault | undefined
}

/** One entry with its line's end. */
export function formatEntry(entry: Entry, format: LogFormat, now: Date): string {
  if (format === 'json') return `${jsonOf(entry, now)}\n`
  return `[${timestamp(now)}] [${process.pid}] [${entry.level.toUpperCase()}] ${textOf(entry)}\n`
}

/** An entry without the time, the process and the level, which syslog has of its own. */
export function formatForSyslog(entry: Entry, format: LogFormat, now: Date): string {
  return format === 'json' ? jsonOf(entry, now) : textOf(entry)
}

/** Further lines are indented. */
function textOf({ message, fault }: Entry): string {
  const text = fault === undefined ? masked(message) : describe(masked(message), fault)
  return printable(text).replaceAll('\n', '\n    ')
}

function describe(message: string, fault: Fault): string {
  const { code, blame, hint, method, target, worker, stack } = fault
  const request = method === undefined ? '' : ` ${method} ${masked(target ?? '')}`
  const by = worker === undefined ? '' : `worker ${worker}; `
  const head = `${code}${request}: ${message} (${by}blame: ${blame}; to do: ${hint})`
  return stack === undefined || stack === '' ? head : `${head}\n${masked(stack)}`
}

/** What is not known is left out. In printable ASCII, so that no terminal is driven by it. */
function jsonOf({ level, message, fault }: Entry, now: Date): string {
  const { code, method, target, worker, blame, hint, stack } = fault ?? {}
  const text = JSON.stringify({
    time: now.toISOString(),
    ...{ level, pid: process.pid, message: masked(message) },
    ...{ code, method, target: target === undefined ? undefined : masked(target), worker },
    ...{ blame, hint, stack: stack ? masked(stack) : undefined },
  })
  return text.replace(/[^ -~]/g, escaped)
}

const PARAMETER = new RegExp(`([?&;](?:${SECRET_PARAMETER})=)[^&;#\\s"]+`, 'gi')

/** A text without the values of query parameters that hold secrets, as in the access log. */
export function masked(text: string): string {
  return text.replace(PARAMETER, '$1***')
}

/** Control characters could forge entries or drive a terminal: only line feeds and tabs pass. */
export function printable(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is about them
    /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]/g,
    escaped,
  )
}

function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** `2026-11-23 15:00:00 +0000`, in local time. */
function timestamp(now: Date): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const offset = -now.getTimezoneOffset()
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`
  const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`
  return `${day} ${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())} ${zone}`
}
