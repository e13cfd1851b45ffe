/** Requests whose responses are on their way are seen until their clients have taken them. */
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Snapshot } from '../../lib/observe/snapshot.ts'
import { request as control } from '../control/ctl.ts'
import { fetchOnce } from '../support/client.ts'
import { FRAME, frame, H2Connection, headers } from '../support/h2-frames.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { PATIENCE_MS, until, within } from '../support/wait.ts'
import { SocketClient } from '../support/websocket-client.ts'
import { head } from './counting.ts'
import { figures } from './figures.ts'

/** More than all the buffers between both ends hold. */
const BYTES = 32_000_000

const MONODON = fileURLToPath(new URL('../../dist/index.js', import.meta.url))
const APP = `
import { upgradeWebSocket } from ${JSON.stringify(MONODON)}
const large = new Uint8Array(${BYTES})
const stream = () => {
  let left = ${BYTES}
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(new Uint8Array(64_000))
      left -= 64_000
      if (left === 0) controller.close()
    },
  })
}
export default (request) => {
  const { pathname } = new URL(request.url)
  if (pathname === '/socket') return upgradeWebSocket(request).response
  return new Response(pathname === '/large' ? large : pathname === '/stream' ? stream() : 'small')
}
`

let folder: string
let server: SpawnedServer
let holdings: SpawnedServer['holdings']

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'monodon-in-flight-'))
  writeFileSync(join(folder, 'app.mjs'), APP)
  mkdirSync(join(folder, 'files'))
  writeFileSync(join(folder, 'files/large.bin'), '')
  truncateSync(join(folder, 'files/large.bin'), BYTES)
  writeFileSync(join(folder, 'files/small.txt'), 'small')
  server = await SpawnedServer.start(
    'app.mjs',
    [
      ...['--metrics-bind', 'unix:m.sock', '--control-socket', 'c.sock'],
      ...['--slow-request', '1ms', '--static', '/files=files'],
    ],
    {},
    folder,
  )
  await snapshot()
  // The thread that opens files stays for a while.
  await fetchOnce(server, '/files/small.txt')
  holdings = server.holdings
})

afterAll(async () => {
  await server.released(holdings)
  expect(await server.stop()).toBe(0)
  rmSync(folder, { recursive: true })
})

async function snapshot(): Promise<Snapshot> {
  return (await control(join(folder, 'c.sock'), { command: 'snapshot' })).result as Snapshot
}

/** Asks, and reads nothing of the answer. */
async function ask(target: string): Promise<Socket> {
  const socket = connect(server.port, '127.0.0.1').pause()
  await once(socket, 'connect')
  socket.write(head('GET', target))
  return socket
}

async function readAll(socket: Socket): Promise<void> {
  socket.resume()
  await within(PATIENCE_MS, 'the end', () => once(socket, 'close'))
}

const livesOf = ({ lives }: Snapshot, targets: readonly string[]) =>
  lives.filter(({ target }) => targets.includes(target))

const rows = ({ inFlight }: Snapshot) =>
  inFlight.map(({ target, state, worker }) => `${target} ${state} ${worker}`).sort()

test('those that their clients do not read, whoever answers', async () => {
  const targets = ['/large', '/stream', '/files/large.bin']
  const sockets = await Promise.all(targets.map(ask))
  const seen = [
    '/files/large.bin waiting-to-send null',
    '/large waiting-to-send 1',
    // Its worker holds it, too: it has more to say.
    '/stream waiting-to-send 1',
  ]
  await until('all to be on their way', async () => `${rows(await snapshot())}` === `${seen}`)
  const now = await snapshot()
  const { inFlight, claimed, responsesSending } = now
  expect([claimed, responsesSending]).toEqual([1, 2])
  expect(inFlight.every(({ method, age }) => method === 'GET' && age > 0)).toBe(true)
  const ids = inFlight.map(({ id }) => id).sort()
  expect(new Set(ids).size).toBe(3)
  expect(livesOf(now, targets)).toEqual([])
  const shown = await figures(join(folder, 'm.sock'))
  expect(shown.get('monodon_http_responses_sending')).toBe(2)
  expect(shown.get('monodon_http_requests_in_progress')).toBe(1)

  await Promise.all(sockets.map(readAll))
  const over = async () => livesOf(await snapshot(), targets)
  await until('all to be over', async () => (await over()).length === 3)
  const after = await snapshot()
  expect([after.inFlight, after.responsesSending]).toEqual([[], 0])
  const lives = await over()
  expect(lives.map(({ id }) => id).sort()).toEqual(ids)
  for (const { bytes, status, outcome, ready, ended } of lives) {
    expect([bytes, status, outcome]).toEqual([BYTES, 200, 'slow'])
    expect(ended).toBeGreaterThan(ready!)
  }
})

test('until the client leaves', async () => {
  const socket = await ask('/large?left')
  await until('it to be on its way', async () => (await snapshot()).responsesSending === 1)
  const [row] = (await snapshot()).inFlight
  socket.destroy()
  await until('it to be over', async () => (await snapshot()).responsesSending === 0)
  const { lives, inFlight } = await snapshot()
  expect(inFlight).toEqual([])
  expect(lives.find(({ id }) => id === row!.id)).toMatchObject({
    ...{ target: '/large?left', outcome: 'aborted', worker: 1 },
  })
})

test('behind them those that have become WebSockets, which last as they like', async () => {
  const open = await SocketClient.open(server, '/socket')
  await until('it to be open', async () => `${rows(await snapshot())}` === '/socket upgraded 1')
  const later = await ask('/large?later')
  const shown = async () => (await snapshot()).inFlight.map(({ target, state }) => [target, state])
  await until('both to be shown', async () => (await shown()).length === 2)
  await until('it to be on its way', async () => (await shown())[0]![1] === 'waiting-to-send')
  expect(await shown()).toEqual([
    ['/large?later', 'waiting-to-send'],
    ['/socket', 'upgraded'],
  ])
  later.destroy()
  await open.leave()
  await until('both to be over', async () => (await shown()).length === 0)
})

test('those that wait for a window of HTTP/2, however small', async () => {
  const connection = await H2Connection.connect(server)
  // SETTINGS_INITIAL_WINDOW_SIZE: nothing.
  connection.write(frame(FRAME.settings, 0, 0, Buffer.of(0, 4, 0, 0, 0, 0)))
  connection.write(
    headers(1, [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':authority', 'a'],
      [':path', '/small'],
    ]),
  )
  const row = '/small waiting-to-send 1'
  await until('it to wait', async () => `${rows(await snapshot())}` === row)
  const { claimed, responsesSending } = await snapshot()
  expect([claimed, responsesSending]).toEqual([0, 1])
  connection.write(frame(FRAME.windowUpdate, 0, 1, Buffer.of(0, 0, 0, 100)))
  await connection.find(({ type, payload }) => type === FRAME.data && `${payload}` === 'small')
  await until('it to be over', async () => (await snapshot()).responsesSending === 0)
  await connection.leave()
})
