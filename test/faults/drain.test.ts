/** A graceful stop: what has begun is finished, what is idle is closed, nobody sees a reset. */
import { connect as connectH2 } from 'node:http2'
import { describe, expect, test } from 'vitest'
import { createFetchApp } from '../support/apps/fetch.ts'
import { createNodeApp } from '../support/apps/node.ts'
import { Watcher } from '../support/apps/probe.ts'
import { createWSGIApp } from '../support/apps/wsgi.ts'
import { Client, get } from '../support/client.ts'
import { startServer } from '../support/server.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'

const APPS = { wsgi: createWSGIApp, fetch: createFetchApp, node: createNodeApp }

describe.each(['wsgi', 'fetch', 'node'] as const)('closing a %s server', (kind) => {
  test('finishes what has begun and closes what is idle', async () => {
    const watcher = new Watcher()
    const server = await startServer(APPS[kind](watcher), { interface: kind })
    const idle = await Client.connect(server)
    expect((await idle.request('GET', get('/route/early'))).status).toBe(200)
    const untouched = await Client.connect(server)
    const working = await Client.connect(server, ['GET'])
    await working.write(get('/route/gate'))
    await until('the gate', () => watcher.count('at the gate') === 1)
    const streaming = await Client.connect(server, ['GET'])
    await streaming.write(get('/route/stream?chunks=20&size=1000&gap=20'))
    await until('the stream', () => streaming.bodyBytes > 0)

    const closed = server.serving.close()
    expect(await idle.closed()).toBe('closed')
    expect(await untouched.closed()).toBe('closed')
    await expect(Client.connect(server)).rejects.toThrow()
    watcher.open()
    const answer = await working.response()
    expect(answer.body.toString()).toBe('open')
    expect(answer.headers['connection']).toBe('close')
    expect(await working.closed()).toBe('closed')
    expect((await streaming.response()).body.length).toBe(20_000)
    expect(await streaming.closed()).toBe('closed')
    await closed
    await server.released()
  })

  test('answers what a client has pipelined before it learns of the end', async () => {
    const watcher = new Watcher()
    const server = await startServer(APPS[kind](watcher), { interface: kind })
    const client = await Client.connect(server, ['GET', 'GET', 'GET'])
    const path = '/route/early'
    await client.write(get('/route/gate') + get(path) + get(path))
    await until('the gate', () => watcher.count('at the gate') === 1)
    const closed = server.serving.close()
    watcher.open()
    const answers = [await client.response(), await client.response(), await client.response()]
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(answers.map(({ headers }) => headers['connection'])).toEqual([
      undefined,
      undefined,
      'close',
    ])
    expect(await client.closed()).toBe('closed')
    await closed
    await server.released()
  })

  test('lets an upload end that has begun', async () => {
    const server = await startServer(APPS[kind](new Watcher()), { interface: kind })
    const client = await Client.connect(server, ['POST'])
    await client.write('POST /p HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello')
    await until(
      'the request',
      () => server.count('connections') === 1 && server.count('claimed') === 1,
    )
    const closed = server.serving.close()
    await client.write('world')
    expect((await client.response()).status).toBe(200)
    expect(await client.closed()).toBe('closed')
    await closed
    await server.released()
  })

  test('cuts off what takes longer than graceful-timeout', async () => {
    const watcher = new Watcher()
    const server = await startServer(APPS[kind](watcher), {
      interface: kind,
      gracefulTimeout: '300ms',
    })
    const client = await Client.connect(server, ['GET'])
    await client.write(get('/route/never'))
    await until('the app', () => watcher.calls.length === 1)
    const start = performance.now()
    await server.serving.close()
    expect(performance.now() - start).toBeGreaterThan(270)
    await client.response().catch(() => undefined)
    await until('the app to hear of it', () => watcher.count('aborted') > 0)
    await client.leave()
    await server.released()
  })

  test('closes an HTTP/2 session once its streams have ended', async () => {
    const watcher = new Watcher()
    const server = await startServer(APPS[kind](watcher), { interface: kind })
    const session = connectH2(`http://${server.host}:${server.port}`)
    const stream = session.request({ ':path': '/route/gate' })
    let body = ''
    stream.on('data', (bytes: Buffer) => {
      body += bytes
    })
    await until('the gate', () => watcher.count('at the gate') === 1)
    const closed = server.serving.close()
    await until('the announcement', () => session.closed)
    watcher.open()
    await until('the end', () => session.destroyed)
    expect(body).toBe('open')
    expect(stream.rstCode).toBe(0)
    await closed
    await server.released()
  })
})

test('closing twice is closing once', async () => {
  const server = await startServer(createFetchApp(new Watcher()), { interface: 'fetch' })
  await Promise.all([server.serving.close(), server.serving.close()])
  await server.serving.close()
  await server.released()
})

test('under load no request is lost and no connection reset', async () => {
  const server = await SpawnedServer.conformance('fetch', ['--workers', '2'])
  const failures: string[] = []
  let answered = 0
  let stopping = false
  const lanes = Array.from({ length: 16 }, async () => {
    while (!stopping) {
      const client = await Client.connect(server).catch(() => undefined)
      if (client === undefined) break // not listening any more
      let ending: string | undefined
      void client.ended.then((how) => {
        ending = how
        if (how === 'reset') failures.push('a reset')
      })
      while (ending === undefined) {
        const answer = await client
          .request('GET', get('/route/early'))
          .catch((error: Error) => error)
        // Closed between two requests: a client may send it again (RFC 9112 section 9.3.1).
        if (answer instanceof Error) break
        answered += 1
        if (answer.status !== 200) failures.push(`status ${answer.status}`)
        if (answer.headers['connection'] === 'close') break
      }
      if (!client.atBoundary) failures.push('a response was cut')
      await client.leave()
    }
  })
  await until('load', () => answered > 500)
  const exit = server.stop()
  stopping = true
  expect(await exit).toBe(0)
  await Promise.all(lanes)
  expect(failures).toEqual([])
})

test.each(['SIGINT', 'SIGQUIT'] as const)('%s stops at once', async (signal) => {
  const server = await SpawnedServer.conformance('fetch', ['--graceful-timeout', '10m'])
  const client = await Client.connect(server, ['GET'])
  await client.write(get('/route/never'))
  expect(await server.stop(signal)).toBe(0)
  await client.leave()
})
