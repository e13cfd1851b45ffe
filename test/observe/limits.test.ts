/** Each limit is counted by its own kind, once. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { Client } from '../support/client.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'
import { frameOf, OPCODE, SocketClient } from '../support/websocket-client.ts'
import { Counting, head } from './counting.ts'
import { figures } from './figures.ts'

const MONODON = fileURLToPath(new URL('../../dist/index.js', import.meta.url))
const APP = `
import { upgradeWebSocket } from ${JSON.stringify(MONODON)}
export default async (request) => {
  if (request.headers.has('upgrade')) {
    const { socket, response } = upgradeWebSocket(request)
    socket.onmessage = () => {
      for (let sent = 0; sent < 400; sent++) socket.send('x'.repeat(100_000))
    }
    return response
  }
  return new Response(await request.text())
}
`
const FLAGS = [
  ...[
    '--limit-request-body',
    '1kb',
    '--limit-request-head',
    '20kb',
    '--limit-request-fields',
    '50',
  ],
  ...['--body-timeout', '400ms', '--limit-upload-rate', '1mb', '--limit-websocket-message', '1kb'],
  ...['--limit-websocket-backlog', '1mb'],
]

test('each limit is counted by its own kind, once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'monodon-limits-'))
  writeFileSync(join(folder, 'app.mjs'), APP)
  const flags = ['--metrics-bind', 'unix:m.sock', ...FLAGS]
  const server = await SpawnedServer.start('app.mjs', flags, {}, folder)
  const holdings = server.holdings
  const client = new Counting(server.port)
  await client.ask(head('GET', `/${'a'.repeat(9000)}`))
  await client.ask(head('GET', '/', `a: ${'b'.repeat(9000)}\r\n`))
  await client.ask(head('GET', '/', 'a: b\r\n'.repeat(51)))
  await client.ask(head('GET', '/', `a: ${'b'.repeat(7000)}\r\n`.repeat(3)))
  await client.ask(head('POST', '/', 'Content-Length: 2000\r\n'))
  const chunks = `${head('POST', '/', 'Transfer-Encoding: chunked\r\n')}7d0\r\n${'x'.repeat(2000)}\r\n0\r\n\r\n`
  await client.ask(chunks)
  await client.ask(head('POST', '/', 'Content-Length: 5\r\n'))
  await sendSlowly(server)
  const socket = await SocketClient.open(server, '/')
  socket.write(frameOf(OPCODE.text, 'x'.repeat(2000)))
  const deaf = await SocketClient.open(server, '/')
  deaf.socket.pause()
  deaf.write(frameOf(OPCODE.text, 'flood'))
  const hits = async () => {
    const all = [...(await figures(join(folder, 'm.sock')))]
    const limits = all.map(([name, count]) => [
      /limits_hit_total{limit="(.*)"}/.exec(name)?.[1],
      count,
    ])
    return Object.fromEntries(limits.filter(([name, count]) => name !== undefined && count !== 0))
  }
  for (const limit of ['message', 'backlog'])
    await until(limit, async () => (await hits())[`limit-websocket-${limit}`] === 1)
  expect(await hits()).toEqual({
    'limit-request-line': 1,
    'limit-request-field-size': 1,
    'limit-request-fields': 1,
    'limit-request-head': 1,
    'limit-request-body': 2,
    'body-timeout': 1,
    'limit-upload-rate': 1,
    'limit-websocket-message': 1,
    'limit-websocket-backlog': 1,
  })
  await deaf.leave()
  await server.released(holdings)
  expect(await server.stop()).toBe(0)
  rmSync(folder, { recursive: true })
})

/** A body whose bytes come one by one, until the server has had enough of it. */
async function sendSlowly(server: SpawnedServer): Promise<void> {
  const client = await Client.connect(server, ['POST'])
  await client.write(head('POST', '/', 'Content-Length: 1000\r\n'))
  let isOver = false
  void client.ended.then(() => {
    isOver = true
  })
  while (!isOver) {
    client.socket.write('x')
    await sleep(20)
  }
}
