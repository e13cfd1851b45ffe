import { describe, expect, it } from 'vitest'
import { readArgs } from '../../lib/options/args.ts'
import { resolve, type Sources } from '../../lib/options/resolve.ts'

const file = (values: unknown) => async () => ({ path: '/etc/monodon.config.ts', values })

async function workers(sources: Sources) {
  const { options, origins } = await resolve({ cores: 4, ...sources })
  return [options.workers, origins.workers]
}

describe('order', () => {
  const flags = readArgs(['-w', '5']).flags
  const env = { MONODON_WORKERS: '4', WEB_CONCURRENCY: '2' }
  const loadFile = file({ workers: 3 })

  it('is default, platform, file, variable, flag, argument of serve()', async () => {
    expect(await workers({})).toEqual([1, 'default'])
    expect(await workers({ env: { WEB_CONCURRENCY: '2' } })).toEqual([2, 'WEB_CONCURRENCY'])
    expect(await workers({ env: { WEB_CONCURRENCY: '2' }, loadFile })).toEqual([
      3,
      'workers in /etc/monodon.config.ts',
    ])
    expect(await workers({ env, loadFile })).toEqual([4, 'MONODON_WORKERS'])
    expect(await workers({ env, loadFile, flags })).toEqual([5, '--workers'])
    expect(await workers({ env, loadFile, flags, given: { workers: 6 } })).toEqual([
      6,
      'serve() option workers',
    ])
  })

  it('has what monodon dev sets between file and variable', async () => {
    const all = { loadFile, isDev: true }
    expect(await workers(all)).toEqual([1, 'monodon dev'])
    expect(await workers({ ...all, env })).toEqual([4, 'MONODON_WORKERS'])
    const { options } = await resolve({ isDev: true })
    expect(options).toMatchObject({ dev: true, reload: true, timeout: 0, logLevel: 'info' })
    expect((await resolve({ isDev: true, flags: readArgs(['--dev=no']).flags })).options.dev).toBe(
      false,
    )
  })

  it('looks only at the value that wins', async () => {
    expect(await workers({ env: { MONODON_WORKERS: 'many' }, flags })).toEqual([5, '--workers'])
  })
})

describe('variables', () => {
  it('serves on every address with PORT alone', async () => {
    const { options, origins } = await resolve({ env: { PORT: '5000' } })
    expect(options.bind).toEqual(['0.0.0.0:5000'])
    expect(origins.bind).toBe('PORT')
    const flags = readArgs(['-b', '127.0.0.1:1']).flags
    expect((await resolve({ env: { PORT: 'x' }, flags })).options.bind).toEqual(['127.0.0.1:1'])
    await expect(resolve({ env: { PORT: 'x' } })).rejects.toThrow("PORT is '0.0.0.0:x'")
  })

  it('counts an empty one as not set', async () => {
    const env = { MONODON_WORKERS: '', WEB_CONCURRENCY: '', PORT: '', MONODON_X: '' }
    expect(await workers({ env })).toEqual([1, 'default'])
  })

  it('knows the ones it does not know', async () => {
    await expect(resolve({ env: { MONODON_WORKER: '2' } })).rejects.toMatchObject({
      code: 'MONODON_UNKNOWN_OPTION',
      message: 'unknown option: MONODON_WORKER; did you mean MONODON_WORKERS?',
    })
  })

  it("leaves alone what Kubernetes sets for a service of monodon's name", async () => {
    const env = {
      MONODON_SERVICE_HOST: '10.0.0.1',
      MONODON_SERVICE_PORT: '80',
      MONODON_SERVICE_PORT_HTTP: '80',
      MONODON_PORT: 'tcp://10.0.0.1:80',
      MONODON_PORT_80_TCP: 'tcp://10.0.0.1:80',
      MONODON_PORT_80_TCP_ADDR: '10.0.0.1',
      MONODON_WEB_SERVICE_HOST: '10.0.0.2',
    }
    expect(await workers({ env })).toEqual([1, 'default'])
  })

  it('reads none of the process', async () => {
    process.env.MONODON_WORKERS = '7'
    try {
      expect(await workers({})).toEqual([1, 'default'])
    } finally {
      delete process.env.MONODON_WORKERS
    }
  })
})

it('tells what a bad value is, but not when it is a secret', async () => {
  const env = (name: string, value: string) => resolve({ env: { [name]: value } })
  await expect(env('MONODON_BACKLOG', 'many')).rejects.toThrow(
    "MONODON_BACKLOG is 'many'; allowed:",
  )
  await expect(env('MONODON_OBSERVE_TOKEN', 'hunter 2')).rejects.toThrow('TOKEN is ***; allowed:')
})

describe('config files', () => {
  it('are asked for by flag, variable, or their usual place', async () => {
    const asked: unknown[] = []
    const loadFile = async (path: string | undefined) => {
      asked.push(path)
      return path === undefined ? undefined : { path: `/abs/${path}`, values: {} }
    }
    await resolve({ loadFile })
    await resolve({ loadFile, env: { MONODON_CONFIG: 'env.toml' } })
    const flags = readArgs(['-c', 'flag.toml']).flags
    const { options } = await resolve({ loadFile, flags, env: { MONODON_CONFIG: 'env.toml' } })
    expect(asked).toEqual([undefined, 'env.toml', 'flag.toml'])
    expect(options.config).toBe('/abs/flag.toml')
  })

  it('name options in either spelling, but not in both', async () => {
    for (const values of [{ keepAlive: '5s' }, { 'keep-alive': '5s' }])
      expect((await resolve({ loadFile: file(values) })).options.keepAlive).toBe(5000)
    await expect(
      resolve({ loadFile: file({ keepAlive: '5s', 'keep-alive': '6s' }) }),
    ).rejects.toThrow('is the same as keepAlive in /etc/monodon.config.ts')
  })

  it.each([
    [{ keepalive: 1 }, 'keepalive in /etc/monodon.config.ts; did you mean keepAlive?'],
    [{ config: 'x' }, 'config in /etc/monodon.config.ts'],
    [{ constructor: 1 }, 'constructor in /etc'],
  ])('refuse %j', async (values, message) => {
    await expect(resolve({ loadFile: file(values) })).rejects.toMatchObject({
      code: 'MONODON_UNKNOWN_OPTION',
      message: expect.stringContaining(message),
    })
  })

  it.each([[null], [[]], ['x'], [() => ({})]])('must give an object, not %j', async (values) => {
    await expect(resolve({ loadFile: file(values) })).rejects.toMatchObject({
      code: 'MONODON_CONFIG_FILE',
    })
  })

  it('may leave options undefined', async () => {
    expect(await workers({ loadFile: file({ workers: undefined }) })).toEqual([1, 'default'])
  })
})

it('makes auto of the cores', async () => {
  const threads = async (cores: number) =>
    (await resolve({ cores, given: { ioThreads: 'auto' } })).options.ioThreads
  expect(await Promise.all([1, 2, 3, 8, 64].map(threads))).toEqual([1, 1, 1, 4, 8])
})
