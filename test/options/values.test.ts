import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { OptionRow } from '../../lib/options/rows/row.ts'
import { BadValue, formatValue, parseValue } from '../../lib/options/values.ts'

const common = { group: 'Other', readBy: ['main'], doc: 'For a test' } as const
const DURATION: OptionRow = { ...common, type: 'duration', default: '1s', off: 'for ever' }
const ALWAYS_ON: OptionRow = { ...common, type: 'duration', default: '1s' }
const SIZE: OptionRow = { ...common, type: 'size', default: '1kb', min: 0, max: 2 ** 50 }
const INTEGER: OptionRow = {
  ...common,
  type: 'integer',
  unit: 'things',
  default: 1,
  min: 1,
  max: 512,
  auto: (cores) => cores * 10,
}
const ENUM: OptionRow = { ...common, type: 'enum', default: 'auto', values: ['auto', '1', '2'] }
const BOOLEAN: OptionRow = { ...common, type: 'boolean', default: false }
const ADDRESSES: OptionRow = { ...common, type: 'addresses', default: ['127.0.0.1:8000'] }
const MODE: OptionRow = { ...common, type: 'mode', default: '666' }
const STRING: OptionRow = { ...common, type: 'string', unit: 'FILE', default: '' }

const parse = (row: OptionRow, raw: unknown) => parseValue(row, raw, 4)

describe('durations', () => {
  it.each([
    ['500ms', 500],
    ['10s', 10_000],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['1.5s', 1500],
    [' 10 S ', 10_000],
    ['30', 30_000],
    [30, 30_000],
    [0.5, 500],
    ['0', 0],
    [0, 0],
    ['off', 0],
    [false, 0],
    ['2147483647ms', 2_147_483_647],
  ])('reads %j as %i ms', (raw, ms) => expect(parse(DURATION, raw)).toBe(ms))

  it.each([
    '',
    'ms',
    '-1s',
    '1 day',
    '1d',
    '0x10',
    '1e3',
    'Infinity',
    '0.1ms',
    '600h',
    '2147483648ms',
    NaN,
    -1,
    true,
    null,
    [],
    {},
  ])('refuses %j', (raw) => expect(() => parse(DURATION, raw)).toThrow(BadValue))

  it.each(['off', '0', '0s', 0, false])('refuses %j where it cannot be off', (raw) =>
    expect(() => parse(ALWAYS_ON, raw)).toThrow(BadValue),
  )
})

describe('sizes', () => {
  it.each([
    ['8190', 8190],
    [8190, 8190],
    ['8kb', 8192],
    ['128MB', 134_217_728],
    ['1gb', 1_073_741_824],
    ['1.5kb', 1536],
    ['0', 0],
  ])('reads %j as %i bytes', (raw, bytes) => expect(parse(SIZE, raw)).toBe(bytes))

  it.each(['', 'kb', '1k', '1tb', '-1', 'off', false, '1048577gb', undefined])(
    'refuses %j',
    (raw) => expect(() => parse(SIZE, raw)).toThrow(BadValue),
  )
})

describe('integers', () => {
  it.each([
    ['1', 1],
    [512, 512],
    ['007', 7],
    ['auto', 40],
  ])('reads %j as %i', (raw, value) => expect(parse(INTEGER, raw)).toBe(value))

  it.each(['0', '513', '1.5', 1.5, '', ' 1', '1 ', '-1', '1e2', 'Auto', '9'.repeat(20), true])(
    'refuses %j',
    (raw) => expect(() => parse(INTEGER, raw)).toThrow(BadValue),
  )

  it('refuses auto where nothing is automatic', () => {
    const { auto: _, ...row } = INTEGER as OptionRow & { auto?: unknown }
    expect(() => parse(row, 'auto')).toThrow('a whole number from 1 to 512')
  })
})

describe('the other types', () => {
  it('reads an enum value, also as a number or in capitals', () => {
    expect(parse(ENUM, '2')).toBe('2')
    expect(parse(ENUM, 2)).toBe('2')
    expect(() => parse(ENUM, '3')).toThrow('auto, 1, 2')
    expect(parse(ENUM, 'AUTO')).toBe('auto')
    expect(() => parse(ENUM, 'aut')).toThrow(BadValue)
  })

  it.each([
    [true, true],
    ['1', true],
    ['yes', true],
    ['TRUE', true],
    ['0', false],
    ['off', false],
    [false, false],
  ])('reads %j as %j', (raw, value) => expect(parse(BOOLEAN, raw)).toBe(value))

  it.each(['', 'maybe', 1, null])('refuses %j as a boolean', (raw) =>
    expect(() => parse(BOOLEAN, raw)).toThrow(BadValue),
  )

  it.each([
    ['127.0.0.1:8000', ['127.0.0.1:8000']],
    ['localhost:0', ['localhost:0']],
    [':080', ['0.0.0.0:80']],
    ['[::1]:8000', ['[::1]:8000']],
    ['[fe80::1%eth0]:1', ['[fe80::1%eth0]:1']],
    ['a:1, b:2', ['a:1', 'b:2']],
    ['unix:/run/x.sock', ['unix:/run/x.sock']],
    ['unix:///run/x.sock', ['unix:/run/x.sock']],
    ['unix:x.sock, :1', ['unix:x.sock', '0.0.0.0:1']],
    ['fd://03', ['fd://3']],
    ['https://:1, http://a:2', ['https://0.0.0.0:1', 'http://a:2']],
    [
      'proxy://:1, proxy+https://unix:///s, proxy+http://fd://04',
      ['proxy://0.0.0.0:1', 'proxy+https://unix:/s', 'proxy+http://fd://4'],
    ],
    [
      ['a:1', ':2'],
      ['a:1', '0.0.0.0:2'],
    ],
  ])('reads the addresses %j', (raw, value) => expect(parse(ADDRESSES, raw)).toEqual(value))

  it.each([
    '',
    '8000',
    'host',
    'host:',
    'host:65536',
    '::1:8000',
    'unix:',
    'unix://',
    'fd://',
    'fd://x',
    'proxy:1x',
    'proxy+:1',
    'https+proxy://:1',
    'proxy+proxy://:1',
    'a b:1',
    [],
    [1],
    {},
    8000,
  ])('refuses the address %j', (raw) => expect(() => parse(ADDRESSES, raw)).toThrow(BadValue))

  it.each([
    ['660', 0o660],
    ['0660', 0o660],
    ['0o600', 0o600],
  ])('reads the mode %j', (raw, value) => {
    expect(parse(MODE, raw)).toBe(value)
    expect(parse(MODE, formatValue(MODE, value))).toBe(value)
  })

  it.each(['', '66', '668', 'rw', '-660', 660, 0o660])('refuses the mode %j', (raw) =>
    expect(() => parse(MODE, raw)).toThrow(BadValue),
  )

  it('reads a text that is not empty', () => {
    expect(parse(STRING, 'x')).toBe('x')
    expect(() => parse(STRING, '')).toThrow('a file')
    expect(() => parse(STRING, 1)).toThrow(BadValue)
  })
})

describe('formatValue', () => {
  it('gives text that is read as the same value', () => {
    const ms = fc.integer({ min: 0, max: 2_147_483_647 })
    fc.assert(fc.property(ms, (value) => parse(DURATION, formatValue(DURATION, value)) === value))
    const bytes = fc.integer({ min: 0, max: 2 ** 50 })
    fc.assert(fc.property(bytes, (value) => parse(SIZE, formatValue(SIZE, value)) === value))
  })

  it('takes the largest unit that needs no fraction', () => {
    expect(formatValue(DURATION, 75_000)).toBe('75s')
    expect(formatValue(DURATION, 120_000)).toBe('2m')
    expect(formatValue(DURATION, 0)).toBe('off')
    expect(formatValue(SIZE, 8190)).toBe('8190')
    expect(formatValue(SIZE, 134_217_728)).toBe('128mb')
    expect(formatValue(ADDRESSES, ['a:1', 'b:2'])).toBe('a:1, b:2')
  })
})
