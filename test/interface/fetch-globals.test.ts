import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'

const folder = new URL('../../dist/interface/', import.meta.url)

const url = (file: string): string => JSON.stringify(new URL(file, folder).href)

/** What a process of its own prints, in which no global has been touched yet. */
function printed(body: string, flags: readonly string[] = []): unknown {
  const code = `
    const { installFastResponse, installRequestUnwrapping, FastResponse } = await import(${url('fetch.js')})
    installRequestUnwrapping()
    installFastResponse()
    const isLoaded = () => process.moduleLoadList.some((name) => name.endsWith('undici/undici'))
    const isLazy = (key) => Object.getOwnPropertyDescriptor(globalThis, key).get !== undefined
    const print = (value) => console.log(JSON.stringify(value))
    ${body}`
  const text = execFileSync(process.execPath, [...flags, '--input-type=module', '-e', code])
  return JSON.parse(text.toString())
}

test('the classes of fetch are not loaded before somebody touches one that is not replaced', () => {
  const body = `
    const made = new Response('a')
    const before = [isLoaded(), isLazy('Request'), isLazy('Headers')]
    const is = [made instanceof FastResponse, Response === FastResponse, String(made)]
    new Headers()
    print([before, is, isLoaded(), isLazy('Request'), made instanceof Response, Response === FastResponse])`
  const is = [true, true, '[object Response]']
  expect(printed(body)).toEqual([[false, true, true], is, true, false, true, true])
})

test('an object that was made before the classes are loaded is one of them afterwards', () => {
  const body = `
    const made = new Response('a')
    await fetch('data:,a')
    const isOne = Object.getPrototypeOf(Object.getPrototypeOf(made)).constructor.name
    print([isOne, made.headers instanceof Headers, await made.text(), made instanceof Response])`
  expect(printed(body)).toEqual(['Response', true, 'a', true])
})

test('without the platform’s classes ours have all that those have', () => {
  const body = `
    const { LazyRequest } = await import(${url('fetch/request.js')})
    const { LazyHeaders } = await import(${url('fetch/request-headers.js')})
    const ours = { Request: LazyRequest, Response: FastResponse, Headers: LazyHeaders }
    const keysOf = (of) => Reflect.ownKeys(of.prototype).filter((key) => typeof key === 'string' || key === Symbol.iterator)
    const before = Object.entries(ours).map(([name, of]) => [name, new Set(keysOf(of))])
    const missing = before.map(([name, had]) => keysOf(globalThis[name]).filter((key) => !had.has(key)))
    print(missing)`
  // `attribute` is a slip of undici's, and no part of the standard.
  expect(printed(body)).toEqual([['attribute'], [], []])
})

test('a global that is replaced by the app before it is touched stays as the app wants it', () => {
  const body = `
    class Mine {}
    globalThis.Response = Mine
    globalThis.Headers = Mine
    new Request('http://a/')
    const made = await new FastResponse('a').text()
    print([Response === Mine, Headers === Mine, Request.name, made])`
  expect(printed(body)).toEqual([true, true, 'Request', 'a'])
})

test('fetch, touched first, is still a function of the platform’s shape', () => {
  const body = `
    const { writable, enumerable, configurable } = (fetch, Object.getOwnPropertyDescriptor(globalThis, 'fetch'))
    print([typeof fetch, writable, enumerable, configurable, new Response('a') instanceof FastResponse])`
  expect(printed(body)).toEqual(['function', true, true, true, true])
})

test('the classes are the platform’s own, whoever has them loaded', () => {
  const body = `
    const { platform } = await import(${url('fetch/platform.js')})
    // Not by one of the globals that are replaced.
    const form = new FormData()
    const ours = [Request, Response, Headers]
    const made = await fetch('data:text/plain,a')
    const { Request: OneRequest, Response: OneResponse, Headers: OneHeaders } = platform()
    const are = [made instanceof OneResponse, made.headers instanceof OneHeaders, form instanceof FormData]
    const request = new OneRequest('http://a/', { headers: { a: 'b' } })
    print([are, ours[2] === OneHeaders, request.headers instanceof OneHeaders, made.constructor === OneResponse])`
  expect(printed(body)).toEqual([[true, true, true], true, true, true])
})

test('classes of the same names that others define are not taken for the platform’s', () => {
  const body = `
    for (const one of [class Headers {}, class Request {}, class Response {}])
      Object.defineProperties(one.prototype, { of: { value: 'others' } })
    print([Headers, Request, FastResponse].map((one) => one.prototype.of ?? null).concat(await new Response('a').text()))`
  expect(printed(body)).toEqual([null, null, null, 'a'])
})

test('the function by which they are found is Node’s own again once they are loaded', () => {
  const body = `
    new Headers()
    print(Object.defineProperties.toString())`
  expect(printed(body)).toContain('[native code]')
})

/** Ways in which an app puts a function of its own, `theirs`, in the place of `Object.defineProperties`. */
const REPLACED = [
  ['assigned', 'Object.defineProperties = theirs'],
  [
    'defined',
    "Object.defineProperty(Object, 'defineProperties', { value: theirs, configurable: true })",
  ],
] as const
const CALLING = `
  const native = Object.defineProperties
  const call = (...parts) => native(...parts)
  const theirs = (...parts) => call(...parts)`
const OTHERS = `
  const { runInNewContext } = await import('node:vm')
  const theirs = runInNewContext('Object.defineProperties')`

test.each(
  REPLACED.flatMap(([way, replace]) => [
    [`${way}, which calls it`, `${CALLING}; ${replace}`],
    [
      `${way}, which calls it, and the classes are loaded by another global`,
      `${CALLING}; ${replace}; new FormData()`,
    ],
    [`${way}, which does not call it`, `${OTHERS}; ${replace}`],
  ]),
)('they are found though the app has another function in its place: %s', (_, replace) => {
  const body = `
    ${replace}
    const { platform } = await import(${url('fetch/platform.js')})
    const made = await fetch('data:text/plain,a')
    const { Response: OneResponse, Headers: OneHeaders } = platform()
    print([made.constructor === OneResponse, made.headers instanceof OneHeaders, new Request('http://a/').url,
      made instanceof Response, Object.defineProperties === theirs])`
  expect(printed(body)).toEqual([true, true, 'http://a/', true, true])
})

test('what was put in their places before is found there', () => {
  const preload = `data:text/javascript,globalThis.Headers = class Mine {}`
  const body = `
    const made = new Response('a')
    print([Headers.name, Request.name, made instanceof Response])`
  expect(printed(body, ['--import', preload])).toEqual(['Mine', 'Request', true])
})
