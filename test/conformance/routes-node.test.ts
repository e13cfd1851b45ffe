import { expect, test } from 'vitest'
import { createNodeApp } from '../support/apps/node.ts'
import { Watcher } from '../support/apps/probe.ts'
import { Client, get } from '../support/client.ts'
import { startServer } from '../support/server.ts'
import { inProcess } from '../support/subject.ts'
import { routeSuite } from './routes.ts'

routeSuite(inProcess('node', createNodeApp))

test('a node app sends trailers', async () => {
  const server = await startServer(createNodeApp(new Watcher()), { interface: 'node' })
  const client = await Client.connect(server)
  // RFC 9110 section 6.5.1: trailers are for those who say that they take them.
  const answer = await client.request('GET', get('/route/trailers', 'TE: trailers'))
  expect(answer).toMatchObject({ framing: 'chunked' })
  expect(answer.headers['trailer']).toBe('X-Sum')
  expect(answer.trailers.map(([name, value]) => [name.toLowerCase(), value])).toEqual([
    ['x-sum', 'abc'],
  ])
  await client.leave()
  await server.close()
})
