import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'

const FETCH = JSON.stringify(new URL('../../dist/interface/fetch.js', import.meta.url).href)

/** What a process of its own prints, in which no global has been touched yet. */
function printed(body: string): unknown {
  const code = `
    const { installFastResponse, installRequestUnwrapping, FastResponse } = await import(${FETCH})
    installRequestUnwrapping()
    installFastResponse()
    // Where it is no getter, to look at such a property loads it, so that nobody can replace one unseen.
    const isEager = Object.getOwnPropertyDescriptor(globalThis, 'Headers').get === undefined
    const isLazy = (key) => Object.getOwnPropertyDescriptor(globalThis, key).get !== undefined
    const print = (value) => console.log(JSON.stringify(value))
    ${body}`
  const text = execFileSync(process.execPath, ['--input-type=module', '-e', code])
  return JSON.parse(text.toString())
}

test('the classes of fetch are not loaded before somebody touches one', () => {
  const body = `
    const before = [isLazy('Response'), isLazy('Request'), isLazy('Headers') || isEager]
    const made = new Response('a')
    print([before, made instanceof FastResponse, Response === FastResponse, isLazy('Request')])`
  expect(printed(body)).toEqual([[true, true, true], true, true, false])
})

test('a global that is replaced by the app before it is touched stays as the app wants it', () => {
  const body = `
    class Mine {}
    globalThis.Response = Mine
    new Request('http://a/')
    print([Response === Mine, Request.name])`
  expect(printed(body)).toEqual([true, 'Request'])
})

test('fetch, touched first, is still a function of the platform’s shape', () => {
  const body = `
    const { writable, enumerable, configurable } = (fetch, Object.getOwnPropertyDescriptor(globalThis, 'fetch'))
    print([typeof fetch, writable, enumerable, configurable, new Response('a') instanceof FastResponse])`
  expect(printed(body)).toEqual(['function', true, true, true, true])
})
