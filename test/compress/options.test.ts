/** `--compress` and its kin, from the command line and at a reload. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ctl } from '../control/ctl.ts'
import { Site } from '../control/kinds.ts'
import type { SpawnedServer } from '../support/spawned.ts'
import { type Ask, decode, http1 } from './support.ts'

const APP = `
const types = { '/json': 'application/json', '/png': 'image/png' }
export default (request) => {
  const url = new URL(request.url)
  const body = 'x'.repeat(Number(url.searchParams.get('size') ?? 5000))
  return new Response(body, { headers: { 'content-type': types[url.pathname] ?? 'text/plain' } })
}
`
const ALL = { 'accept-encoding': 'gzip, br, zstd' }

let site: Site
let server: SpawnedServer
let ask: Ask

beforeEach(() => {
  site = new Site()
  site.write('app.mjs', APP)
})
afterEach(() => site.close())

async function start(...flags: readonly string[]): Promise<void> {
  server = await site.start('--control-socket', site.path('ctl.sock'), ...flags)
  ask = (await http1(server)).ask
}

const codingOf = async (path: string): Promise<string | undefined> =>
  (await ask(path, ALL)).headers['content-encoding']

describe('from the command line', () => {
  test('the order is the preference', async () => {
    await start('--compress', 'br,gzip,zstd')
    expect(await codingOf('/')).toBe('br')
  })

  test('the least size and the types', async () => {
    await start('--compress', 'zstd', '--compress-min-size', '100', '--compress-types', 'image/*')
    expect(await codingOf('/png?size=100')).toBe('zstd')
    expect(await codingOf('/png?size=99')).toBeUndefined()
    expect(await codingOf('/json')).toBeUndefined()
  })

  test('a higher level makes a smaller body', async () => {
    site.write(
      'app.mjs',
      `const words = 'alpha beta gamma delta epsilon zeta eta theta iota kappa'.split(' ')
       let state = 1
       const random = () => (state = (state * 48271) % 2147483647)
       const text = Array.from({ length: 20000 }, () => words[random() % 10]).join(' ')
       export default () => new Response(text)`,
    )
    const sizes: number[] = []
    for (const level of ['gzip=1', 'gzip=9']) {
      await start('--compress', 'gzip', '--compress-level', level)
      const { body } = await ask('/', ALL)
      expect(decode('gzip', body).length).toBeGreaterThan(100_000)
      sizes.push(body.length)
      await server.stop()
    }
    expect(sizes[1]).toBeLessThan(sizes[0]! * 0.9)
  })
})

test('a reload changes all of it, and off ends it', async () => {
  const configure = async (options: object) => {
    site.write('monodon.config.json', JSON.stringify(options))
    const outcome = await ctl(site.folder, '--control-socket', site.path('ctl.sock'), 'reload')
    expect(outcome).toMatchObject({ code: 0, stderr: '' })
  }
  site.write('monodon.config.json', '{}')
  await start()
  expect(await codingOf('/')).toBeUndefined()
  await configure({ compress: 'gzip,zstd' })
  expect(await codingOf('/')).toBe('gzip')
  await configure({ compress: ['zstd'], compressMinSize: '6kb' })
  expect(await codingOf('/')).toBeUndefined()
  expect(await codingOf('/?size=7000')).toBe('zstd')
  await configure({ compress: 'off' })
  const { headers } = await ask('/?size=7000', ALL)
  expect(headers).not.toHaveProperty('content-encoding')
  expect(headers).not.toHaveProperty('vary')
})

test('a coding that is not there stops the start', async () => {
  await expect(site.start('--compress', 'gzip,deflate')).rejects.toThrow(/zstd, br and gzip/)
  await expect(site.start('--compress', 'gzip,off')).rejects.toThrow(/it stands alone/)
  await expect(site.start('--compress', 'gzip', '--compress-level', 'gzip=10')).rejects.toThrow(
    /gzip=1 to gzip=9/,
  )
})
