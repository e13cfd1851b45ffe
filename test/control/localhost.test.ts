/** A name that has several addresses: all of them are listened on. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fetchOnce } from '../support/client.ts'
import { startServer } from '../support/server.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'

const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === '::1'),
)
const HOSTS = hasIpv6 ? ['127.0.0.1', '::1'] : ['127.0.0.1']
const app = (_: Request, info: { remoteAddress: string }) => new Response(info.remoteAddress)

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'monodon-localhost-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** What is answered at each address. */
const answers = async (port: number): Promise<string[]> =>
  Promise.all(
    HOSTS.map(async (host) => (await fetchOnce({ host, port }, '/')).body.toString().trim()),
  )

describe('localhost', () => {
  test('is all loopback addresses, at the port that the kernel chose for the first', async () => {
    const server = await startServer(app, { interface: 'fetch', bind: 'localhost:0' })
    const { addresses, url } = server.serving
    expect(addresses.map(({ host }) => host)).toEqual(HOSTS)
    expect(new Set(addresses.map(({ port }) => port))).toEqual(new Set([server.port]))
    expect(url).toBe(`http://127.0.0.1:${server.port}`)
    expect(await answers(server.port)).toEqual(HOSTS)
    await server.close()
  })

  test.runIf(hasIpv6)('is not listened on by halves', async () => {
    const other = createServer().listen(0, '::1')
    await until('the other server', () => other.listening)
    const { port } = other.address() as { port: number }
    const started = startServer(app, { interface: 'fetch', bind: `localhost:${port}` })
    await expect(started).rejects.toThrow(
      `cannot listen on localhost:${port}: another program listens on [::1]:${port} (EADDRINUSE)`,
    )
    other.close()
  })

  test('is handed on in an upgrade, with all addresses', async () => {
    const pid = join(folder, 'pid')
    const server = await SpawnedServer.start('examples/hello.ts', [
      ...['--bind', 'localhost:0', '--pid', pid, '--upgrade-mode', 'auto'],
    ])
    // Beside the one of its own, the test's server has the address that all have.
    const port = Number(/https?:\/\/\[::1\]:(\d+)/.exec(server.output)?.[1] ?? server.port)
    server.child.kill('SIGUSR2')
    await until('the new server alone', () => !server.running)
    for (const text of await answers(port)) expect(text).toBe('Hello from monodon!')
    process.kill(Number(readFileSync(pid, 'utf8')))
  })
})
