/** `--dev`: answers for an app that failed, with what a developer wants to know. */

import type { Exchange } from '../bridge/exchange.ts'
import { encodeHeader } from '../bridge/header-block.ts'
import { type Format, preferredFormat } from './accept.ts'
import { type Failure, failureOf } from './failure.ts'
import { htmlPage } from './page.ts'
import { json, plainText } from './texts.ts'

const TYPES: Readonly<Record<Format, string>> = {
  html: 'text/html; charset=utf-8',
  json: 'application/json',
  text: 'text/plain; charset=utf-8',
}

const RENDER: Readonly<Record<Format, (failure: Failure) => string>> = {
  html: htmlPage,
  json,
  text: plainText,
}

/** Nothing of what the app has thrown is to run or to be kept. */
const SAFETY = [
  encodeHeader('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'"),
  encodeHeader('x-content-type-options', 'nosniff'),
  encodeHeader('cache-control', 'no-store'),
  encodeHeader('vary', 'accept'),
].join('')

/** Answers with the error: as HTML, JSON or text, whichever the client would rather read. */
export function explain(exchange: Exchange, error: unknown, status: number): void {
  const format = preferredFormat(exchange.header('accept'))
  let body: string
  try {
    body = RENDER[format](failureOf(exchange, error, status))
  } catch {
    // What was thrown may have getters that throw.
    respond(exchange, status, 'text', 'The error cannot be shown. See the log.\n')
    return
  }
  respond(exchange, status, format, body)
}

function respond(exchange: Exchange, status: number, format: Format, body: string): void {
  exchange.respond(status, encodeHeader('content-type', TYPES[format]) + SAFETY, body)
}
