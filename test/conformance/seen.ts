import { expect } from 'vitest'
import type { Seen } from '../support/apps/probe.ts'
import type { ExpectedRequest } from '../support/request-files.ts'
import type { AppKind } from '../support/server.ts'

/** What an app saw, held against what was sent, as far as its interface shows it. */
export function compareSeen(
  seen: Seen,
  expected: ExpectedRequest,
  kind: AppKind,
  scheme: 'http' | 'https' = 'http',
): void {
  expect(seen.method).toBe(expected.method)
  expect(seen.headers).toEqual(expected.headers)
  // Fetch standard: a Request with GET or HEAD has no body.
  const bodiless = kind === 'fetch' && expected.method === 'GET'
  expect(seen.body).toBe(bodiless ? '' : expected.body)
  if (kind === 'fetch') compareURL(seen.target, expected, scheme)
  else {
    compareTarget(seen.target, expected)
    expect(seen.version).toBe(expected.version)
  }
  if (kind === 'node') expect(seen.trailers).toEqual(expected.trailers ?? {})
}

function compareTarget(target: string, expected: ExpectedRequest): void {
  if (expected.targetIgnoresCase) expect(target.toLowerCase()).toBe(expected.target.toLowerCase())
  else expect(target).toBe(expected.target)
}

/** The URL API has the last word on how a URL is spelled. */
function compareURL(url: string, expected: ExpectedRequest, scheme: string): void {
  const host = expected.headers['host'] ?? ''
  expect(URL.canParse(url)).toBe(true)
  if (expected.url === null) return
  const text = expected.url ?? `http://${host}${expected.target}`
  // A target in absolute form has a scheme of its own.
  const wanted = expected.target.startsWith('/') ? text.replace(/^http:/, `${scheme}:`) : text
  expect(new URL(url).href).toBe(new URL(wanted).href)
}
