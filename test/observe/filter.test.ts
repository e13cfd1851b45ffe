/** Which requests one follows. */
import { expect, test } from 'vitest'
import { filterText, isWanted, readFilter } from '../../lib/observe/filter.ts'
import { life } from './snapshots.ts'

const ANY = { path: '', status: '', slowerThan: 0 }

test.each([
  ['', true],
  ['/rep', true],
  ['/report', true],
  ['/reports', false],
  ['/*', true],
  ['/r*t', true],
  ['*port', true],
  ['*rep*', true],
  ['/r*o*o*t', false],
  ['/report*report', false],
  ['/report*', true],
  ['/report?month', false],
])('of the path /report?month=5, %s is %s', (path, is) => {
  expect(isWanted(life(), { ...ANY, path })).toBe(is)
})

test.each([
  ['404', 404, true],
  ['404', 405, false],
  ['4xx', 405, true],
  ['4xx,500', 500, true],
  ['none', 0, true],
  ['5xx', 0, false],
])('of the status %s, %s is %s', (status, given, is) => {
  expect(isWanted(life({ status: given }), { ...ANY, status })).toBe(is)
})

test('all conditions count', () => {
  const filter = { path: '/report', status: '2xx', slowerThan: 1.41 }
  expect(isWanted(life(), filter)).toBe(true)
  expect(isWanted(life({ ended: 1.4 }), filter)).toBe(false)
  expect(isWanted(life({ status: 500 }), filter)).toBe(false)
  expect(isWanted(life({ target: '/' }), filter)).toBe(false)
})

test('hostile paths take no time', () => {
  const path = `/${'*a'.repeat(200)}*b`
  const target = `/${'a'.repeat(8000)}`
  expect(isWanted(life({ target }), { ...ANY, path })).toBe(false)
})

test('a filter is told as a text, and nothing else is one', () => {
  const filter = { path: '/a&b=*', status: '404,5xx', slowerThan: 0.2 }
  expect(readFilter(filterText(filter))).toEqual(filter)
  expect(readFilter('')).toEqual(ANY)
  expect(filterText(ANY)).toBe('')
  for (const text of ['color=red', 'status=abc', 'status=5xx,', 'slowerThan=x', 'slowerThan=-1'])
    expect(() => readFilter(text)).toThrow()
})
