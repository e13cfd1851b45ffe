import { expect, test } from 'vitest'
import { MonodonError } from '../../lib/errors.ts'
import { detectInterface } from '../../lib/interface/detect.ts'

const methods = (...names: string[]) => Object.fromEntries(names.map((name) => [name, () => {}]))

test.each([
  ['an object with fetch', methods('fetch'), 'fetch'],
  ['an object with fetch and handle (Elysia)', methods('fetch', 'handle'), 'fetch'],
  ['a function with fetch', Object.assign((_a: 1, _b: 2, _c: 3) => {}, methods('fetch')), 'fetch'],
  ['an object with routing (Fastify)', methods('routing', 'route'), 'node'],
  ['an object with callback (Koa)', methods('callback'), 'node'],
  [
    'a function with handle (Express)',
    Object.assign((_a: 1, _b: 2) => {}, methods('handle')),
    'node',
  ],
  ['a function without parameters', () => {}, 'fetch'],
  ['a function of 1 parameter', (_a: 1) => {}, 'fetch'],
  ['a function of 2 parameters', (_a: 1, _b: 2) => {}, 'wsgi'],
  ['a function of 3 parameters', (_a: 1, _b: 2, _c: 3) => {}, 'node'],
  ['a function of 4 parameters', (_a: 1, _b: 2, _c: 3, _d: 4) => {}, 'node'],
])('%s', (_what, app, kind) => {
  const found = detectInterface(app)
  expect(found.kind).toBe(kind)
  expect(found.reason).toMatch(/^it /)
})

test('a function of 2 parameters is told how the other interfaces are asked for', () => {
  const { reason } = detectInterface((_req: 1, _res: 2) => {})
  expect(reason).toContain('(req, res) needs --interface node')
  expect(reason).toContain('(request, info) --interface fetch')
})

test('real frameworks', async () => {
  const { Hono } = await import('hono')
  const { default: express } = await import('express')
  const { default: fastify } = await import('fastify')
  expect(detectInterface(new Hono()).kind).toBe('fetch')
  expect(detectInterface(express()).kind).toBe('node')
  expect(detectInterface(fastify()).kind).toBe('node')
})

class Application {
  fetchAll() {}
}

test.each([
  [undefined, 'it is undefined'],
  [null, 'it is null'],
  ['app', 'it is a string'],
  [42, 'it is a number'],
  [[], 'it is an array'],
  [{}, 'it is an object without keys'],
  [{ fetch: true, port: 1 }, 'it is an object with fetch, port'],
  [{ a: 1, b: 1, c: 1, d: 1, e: 1, f: 1 }, 'it is an object with a, b, c, d, e, ...'],
  [Promise.resolve(methods('fetch')), 'it is a promise'],
  [Application, 'it is the class Application'],
  [new Application(), 'it is an object of Application'],
])('names what it found: %o', (app, detail) => {
  let error: unknown
  try {
    detectInterface(app)
  } catch (thrown) {
    error = thrown
  }
  expect(error).toBeInstanceOf(MonodonError)
  expect(error).toMatchObject({ code: 'MONODON_APP_UNKNOWN', blame: 'operator' })
  expect((error as Error).message.endsWith(`: ${detail}`)).toBe(true)
})
