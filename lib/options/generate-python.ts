/** Python text from the record layout, the error table and the error pages, for the Python worker. */

import * as layout from '../bridge/layout.ts'
import { MASK, SECRET, SECRET_PARAMETER } from '../dev/secrets.ts'
import { STYLE } from '../dev/style.ts'
import { ERRORS, type ErrorCode, errorRow } from '../errors.ts'
import { snake } from './names.ts'

/** `lib/python/monodon_worker/layout.py`: the constants that a process worker needs. */
export function layoutPython(): string {
  const group = (name: string, values: Readonly<Record<string, number>>) =>
    Object.entries(values).map(
      ([key, value]) => `${name}_${snake(key).toUpperCase()} = ${grouped(value)}`,
    )
  const lines = [
    '"""The record layout: what crosses between the server and a worker.',
    '',
    'GENERATED from lib/bridge/layout.ts, which describes it, by npm run generate. Do not edit.',
    '"""',
    '',
    `LAYOUT_VERSION = ${layout.LAYOUT_VERSION}`,
    '',
    ...group('KIND', layout.KIND),
    '',
    ...group('FLAG', layout.FLAG),
    '',
    '# Words of an environ record.',
    ...group('ENVIRON', layout.ENVIRON),
    '',
    '# Words before each batch.',
    ...group('BATCH_HEAD', layout.BATCH_HEAD),
    '',
    `BATCH_BYTES = ${grouped(layout.BATCH_BYTES)}`,
    `BATCH_RECORDS = ${layout.BATCH_RECORDS}`,
    `BATCH_FILES = ${layout.BATCH_FILES}`,
    `HIGH_WATER_BYTES = ${grouped(layout.HIGH_WATER_BYTES)}`,
    `AHEAD_BYTES = ${grouped(layout.AHEAD_BYTES)}`,
    `BODY_WINDOW_BYTES = ${grouped(layout.BODY_WINDOW_BYTES)}`,
    '',
    'BODY_FAULTS = (',
    ...layout.BODY_FAULTS.map((fault) => `    "${fault}",`),
    ')',
    '',
    '# Field names with a number, in lower case.',
    'HEADER_CODES = {',
    ...layout.HEADER_NAMES.flatMap((name, code) => (code === 0 ? [] : [`    "${name}": ${code},`])),
    '}',
    '',
  ]
  return lines.join('\n')
}

/** What the app and clients do, and what an operator names that is no app. */
function isForPython(code: ErrorCode): boolean {
  return (
    errorRow(code).blame !== 'server' &&
    (errorRow(code).blame !== 'operator' || code.startsWith('MONODON_APP_'))
  )
}

/** Errors that the Python worker raises or logs. Its own code says which of the table it needs. */
export function errorsPython(): string {
  const rows = (Object.keys(ERRORS) as ErrorCode[]).filter(isForPython).map((code) => {
    const { message, hint, blame, status } = { ...errorRow(code), ...errorRow(code).python }
    const row = [message, hint, blame].map((text) => JSON.stringify(text))
    return `    "${code}": (\n        ${[...row, status ?? 'None'].join(',\n        ')},\n    ),`
  })
  return [
    '"""The errors that the app or a client can cause.',
    '',
    'GENERATED from lib/errors.ts by npm run generate. Do not edit.',
    '"""',
    '',
    '# By code: what happened, what to do, who is to blame, the status for the client.',
    'ERRORS = {',
    ...rows,
    '}',
    '',
  ].join('\n')
}

/** `262144` -> `262_144`, from five digits on. */
function grouped(value: number): string {
  const digits = String(value)
  return digits.length < 5 ? digits : digits.replace(/\B(?=(?:\d{3})+$)/g, '_')
}

/** `lib/python/monodon_worker/page_style.py`: what the pages about errors of both workers share. */
export function pageStylePython(): string {
  return [
    '"""How the pages about errors look, and what they do not show.',
    '',
    'GENERATED from lib/dev/style.ts and lib/dev/secrets.ts by npm run generate. Do not edit.',
    '"""',
    '',
    `MASK = ${JSON.stringify(MASK)}`,
    '',
    '# A pattern for names of header fields, in any case.',
    `SECRET = ${JSON.stringify(SECRET)}`,
    '',
    '# A pattern for names of query parameters whose values no log has, in any case.',
    'SECRET_PARAMETER = (',
    ...(SECRET_PARAMETER.match(/.{1,80}/g) ?? []).map((part) => `    ${JSON.stringify(part)}`),
    ')',
    '',
    `STYLE = """\\\n${STYLE}"""`,
    '',
  ].join('\n')
}
