/** A failure as text, for terminals, and as JSON, for programs. */

import { printable } from '../log.ts'
import type { Failure, Fault } from './failure.ts'
import { headline, shownFrame } from './page.ts'

/** The stack with its causes. */
export function plainText({ chain, versions }: Failure): string {
  const faults = chain.map((fault, index) => {
    const lead = index === 0 ? '' : 'Caused by '
    const frames = fault.frames.map((frame) => `    at ${shownFrame(frame)}\n`).join('')
    return `${lead}${headline(fault)}\n${frames}${notes(fault)}`
  })
  return printable(`${faults.join('\n')}\n${versions.map((pair) => pair.join(' ')).join(', ')}\n`)
}

function notes({ code, hint }: Fault): string {
  return `${code === '' ? '' : `code: ${code}\n`}${hint === '' ? '' : `to do: ${hint}\n`}`
}

/** The same as an object: `error`, with its `cause` within. */
export function json({ status, reason, request, chain, versions }: Failure): string {
  const error = chain.reduceRight<object | undefined>(
    (cause, { name, message, code, hint, frames }) => ({
      name: name === '' ? undefined : name,
      message,
      code: code === '' ? undefined : code,
      hint: hint === '' ? undefined : hint,
      stack: frames.map(shownFrame),
      cause,
    }),
    undefined,
  )
  const { method, target, httpVersion, fields } = request
  const shown = {
    status,
    reason,
    error,
    request: { method, target, httpVersion, headers: fields },
    versions: Object.fromEntries(versions),
  }
  return `${JSON.stringify(shown, (_, value) => (typeof value === 'string' ? printable(value) : value), 2)}\n`
}
