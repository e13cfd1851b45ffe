/** A server that runs out of file descriptors goes on with those that it has. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Client, get } from '../support/client.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'

const CLIENTS = 40
/** Connections that fit below the limit, about. */
const ROOM = 10

/** The processor time of a process, in seconds. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
  return (Number(user) + Number(system)) / 100
}

test('clients wait until a descriptor is free, and the server does not spin', async () => {
  const server = await SpawnedServer.conformance('fetch')
  const before = server.holdings
  const limit = before.descriptors.length + ROOM
  execFileSync('prlimit', ['--pid', String(server.pid), `--nofile=${limit}`])
  const waiting = new Set<Client>()
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      const client = await Client.connect(server, ['GET'])
      waiting.add(client)
      await client.write(get('/route/early'))
      return client
    }),
  )
  await until('the server to say so', () => server.output.includes('MONODON_ACCEPT_FAILED'))
  const answered = () => clients.filter((client) => client.waiting > 0)
  await until('those that it has accepted', () => answered().length > 0)
  expect(answered().length).toBeLessThan(CLIENTS)

  const [begin, cpu] = [performance.now(), cpuSeconds(server.pid)]
  await until('a second', () => performance.now() - begin > 1000)
  // Trying again and again would take all of it.
  expect(cpuSeconds(server.pid) - cpu).toBeLessThan(0.5)

  while (waiting.size > 0) {
    await until('a further answer', () => [...waiting].some((client) => client.waiting > 0))
    for (const client of [...waiting].filter(({ waiting: answers }) => answers > 0)) {
      expect((await client.response()).status).toBe(200)
      await client.leave()
      waiting.delete(client)
    }
  }
  expect(server.entries('ERROR').filter((entry) => entry.includes('ACCEPT_FAILED'))).toHaveLength(1)
  await server.released(before)
  expect(await server.stop()).toBe(0)
})
