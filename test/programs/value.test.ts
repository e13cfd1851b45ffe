/** A server of node:http as the value that is served, on the calling thread. */

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serve } from 'monodon'
import { expect, test } from 'vitest'
import { Client, fetchOnce, get } from '../support/client.ts'
import { startServer } from '../support/server.ts'

test('its listeners get requests and upgrades', async () => {
  const app = createServer((req, res) => res.end(`answered ${req.url}`))
  app.on('upgrade', (_req, socket) => {
    socket.on('data', (bytes: Buffer) => socket.end(`HTTP/1.1 200 OK\r\n\r\n${bytes}`))
  })
  const server = await startServer(app)
  expect((await fetchOnce(server, '/a')).body.toString()).toBe('answered /a')
  const client = await Client.connect(server)
  const offer = get('/', 'Connection: Upgrade', 'Upgrade: other')
  const answer = client.request('GET', `${offer}bytes`)
  client.end()
  expect((await answer).body.toString()).toBe('bytes')
  expect(app.listening).toBe(false)
  await client.leave()
  await server.close()
})

test('it must not listen by itself', async () => {
  const app = createServer().listen(0, '127.0.0.1')
  await once(app, 'listening')
  const bind = '127.0.0.1:0'
  await expect(serve(app, { bind })).rejects.toThrow('the http.Server listens already')
  expect((app.address() as AddressInfo).port).toBeGreaterThan(0)
  app.close()
})
