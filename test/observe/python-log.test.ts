/** What Python workers and their apps log is seen by who looks at the server, as that of others is. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Notable } from '../../lib/notable.ts'
import type { Snapshot } from '../../lib/observe/snapshot.ts'
import { request as control } from '../control/ctl.ts'
import { fetchOnce } from '../support/client.ts'
import { describePython } from '../support/python.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'

const APP = `
import logging, threading
logging.basicConfig(level=logging.INFO)
shop = logging.getLogger('shop')

class Broken:
    def __str__(self):
        raise RuntimeError('on purpose')

def fail():
    raise ValueError('no database')

def handled():
    try:
        fail()
    except ValueError:
        shop.exception('cannot sell')

def elsewhere():
    thread = threading.Thread(target=shop.critical, args=('from a thread of %s', 'its own'))
    thread.start()
    thread.join()

WAYS = {
    '/fail': fail,
    '/handled': handled,
    '/warn': lambda: shop.warning('few left: %d \\x1b[31m /a?token=hidden&b=1', 3),
    '/error': lambda: shop.error('sold out'),
    '/thread': elsewhere,
    '/broken': lambda: shop.error('%s', Broken()),
    '/info': lambda: shop.info('sold'),
    '/many': lambda: [shop.warning('one of many') for _ in range(1000)],
}
def app(environ, start_response):
    WAYS.get(environ['PATH_INFO'], lambda: None)()
    start_response('200 OK', [])
    return [str(len(logging.getLogger().handlers)).encode()]
`

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'monodon-python-log-'))
  writeFileSync(join(folder, 'pyapp.py'), APP)
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Counts what statsd is told, by the end of its names. */
async function statsd() {
  const socket = createSocket('udp4')
  const counts: Record<string, number> = {}
  socket.on('message', (message) => {
    for (const [, kind, count] of `${message}`.matchAll(/gunicorn\.log\.(\w+):(\d+)\|c/g))
      counts[kind!] = (counts[kind!] ?? 0) + Number(count)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return { counts, socket }
}

describePython('the log of Python workers', () => {
  test.each([1, 4])('is shown and counted, with %d threads', async (threads) => {
    const { counts, socket } = await statsd()
    const flags = ['--control-socket', 'c.sock', '--threads', String(threads)]
    flags.push('--statsd-host', `127.0.0.1:${socket.address().port}`)
    const server = await SpawnedServer.python('pyapp:app', flags, {}, folder)
    const errors = async (): Promise<readonly Notable[]> => {
      const { result } = await control(join(folder, 'c.sock'), { command: 'snapshot' })
      return (result as Snapshot).errors
    }
    const has = (part: string) => async () =>
      (await errors()).some(({ text }) => text.includes(part))
    const before = Date.now() / 1000
    for (const path of ['/fail', '/handled', '/warn', '/error', '/thread', '/broken', '/info'])
      await fetchOnce(server, path)
    await until('the last of them', has('cannot be shown'))
    const shown = (await errors()).toReversed().filter(({ text }) => !text.includes('has started'))
    expect(shown.map(({ level, text }) => `${level} ${text.split('\n')[0]}`)).toEqual([
      expect.stringMatching(/^error MONODON_APP_THREW GET \/fail: .*ValueError: no database/),
      'error shop: cannot sell',
      'warning shop: few left: 3 \\u001b[31m /a?token=***&b=1',
      'error shop: sold out',
      'error shop: from a thread of its own',
      'error an entry that cannot be shown',
    ])
    // With the place.
    for (const { text } of shown.slice(0, 2)) expect(text).toMatch(/line \d+, in fail\n/)
    for (const { at } of shown) expect(at).toBeGreaterThan(before - 1)
    await until('statsd to hear of all', () => counts.critical === 1 && counts.error === 2)
    expect(counts).toMatchObject({ exception: 2, warning: 1, error: 2, critical: 1 })

    // Many cost little, and each is counted. The app's own handler is as it was.
    expect((await fetchOnce(server, '/many')).body.toString()).toBe('1')
    await until('statsd to hear of all', () => counts.warning === 1001)
    expect((await errors()).filter(({ text }) => text === 'shop: one of many').length).toBeLessThan(
      31,
    )
    expect(await server.stop()).toBe(0)
    socket.close()
  })
})
