/** A test of an app over real sockets: what clients see, of HTTP too. `npm test` runs it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { serve } from 'monodon'
import app from './app.js'

let server
before(async () => {
  // Port 0: any that is free. The app runs in this process, so it can be mocked and debugged.
  server = await serve(app, { bind: '127.0.0.1:0', logLevel: 'critical' })
})
after(() => server.close())

test('counts visits', async () => {
  for (const visits of [1, 2]) {
    const answer = await fetch(`${server.url}/visits`)
    assert.deepEqual(await answer.json(), { visits })
  }
})

test('shouts back', async () => {
  const answer = await fetch(`${server.url}/shout`, { method: 'POST', body: 'hello' })
  assert.equal(await answer.text(), 'HELLO')
})

test('tells clients nothing of its errors', async () => {
  const answer = await fetch(`${server.url}/nowhere`)
  assert.equal(answer.status, 500)
  assert.doesNotMatch(await answer.text(), /nowhere/)
})

test('the same app, in threads as in production', async () => {
  const production = await serve('app.js', { bind: '127.0.0.1:0', workers: 2, logLevel: 'error' })
  try {
    assert.equal((await fetch(`${production.url}/visits`)).status, 200)
  } finally {
    await production.close()
  }
})
