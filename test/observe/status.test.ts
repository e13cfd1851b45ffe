/** `--status-bind` of a server that runs: the page, its JSON, and who may see them. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Snapshot } from '../../lib/observe/snapshot.ts'
import { Site } from '../control/kinds.ts'
import { Chromium, describeChromium } from '../support/chromium.ts'
import { Client, fetchOnce, get } from '../support/client.ts'
import type { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'

const APP = `
  import { existsSync } from 'node:fs'
  import { setTimeout as sleep } from 'node:timers/promises'
  export default async ({ url }) => {
    const { pathname } = new URL(url)
    if (pathname === '/hang') while (!existsSync('release'));
    if (pathname === '/slow') await sleep(60)
    if (pathname.startsWith('/fail')) throw new Error('no database')
    return new Response('hello')
  }`
const TOKEN = 'a-token-of-a-test'

let site: Site
let server: SpawnedServer
let before: SpawnedServer['holdings']
/** Of the page. */
let url: string

beforeAll(async () => {
  site = new Site()
  site.write('app.mjs', APP)
  server = await site.start(
    ...['--workers', '2', '--timeout', 'off', '--slow-request', '50ms'],
    ...['--status-bind', 'localhost:0'],
  )
  url = urlOf(server)
  await status()
  before = server.holdings
})
afterAll(async () => {
  await server.released(before)
  await site.close()
})

function urlOf({ output }: SpawnedServer): string {
  return /--status-bind: (http:\S+\/)$/m.exec(output)![1]!
}

/** Nothing is kept open for the next question. */
function ask(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  return fetch(new URL(path, url), { headers: { connection: 'close', ...headers } })
}

async function status(): Promise<Snapshot> {
  return (await (await ask('status.json')).json()) as Snapshot
}

test('the page is one text, which may do nothing but ask its own server', async () => {
  const page = await ask('')
  expect(Object.fromEntries(page.headers)).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'content-security-policy': expect.stringMatching(
      /^default-src 'none'; script-src 'sha256-\S+'; style-src 'sha256-\S+'; connect-src 'self'; /,
    ),
  })
  const html = await page.text()
  expect(html.match(/(?:src|href)="[^"]*"/g)).toEqual([
    ...['href="data:,"', 'href="#main"', 'href="status.json"', 'href="status.json"'],
  ])
})

test('the JSON tells of lives, without secrets', async () => {
  await fetchOnce(server, '/slow?token=hidden&page=2')
  await fetchOnce(server, '/fail')
  await until('both lives', async () => (await status()).lives.length >= 2)
  const { lives, errors, requestCounts } = await status()
  const [failed, slow] = lives
  expect(failed).toMatchObject({ target: '/fail', status: 500, outcome: 'failed' })
  expect(slow).toMatchObject({ target: '/slow?token=***&page=2', status: 200, outcome: 'slow' })
  expect(slow!.ready! - slow!.called!).toBeGreaterThanOrEqual(0.055)
  expect(errors).toBeInstanceOf(Array)
  expect(requestCounts.some(({ statusClass }) => statusClass === 5)).toBe(true)
})

test('both answer while every worker hangs', async () => {
  const clients = [await Client.connect(server), await Client.connect(server)]
  const answers = clients.map((client) => client.request('GET', get('/hang')))
  await until('both to hang', async () => (await status()).claimed === 2)
  const { inFlight, workers } = await status()
  const html = await (await ask('')).text()
  site.write('release', '')
  await Promise.all(answers)
  for (const client of clients) await client.leave()
  expect(inFlight.map(({ state, target }) => `${state} ${target}`)).toEqual([
    ...['processing /hang', 'processing /hang'],
  ])
  expect(workers.map(({ held }) => held)).toEqual([1, 1])
  expect(html).toContain('The life of a request')
})

test('other hosts, methods and paths are refused', async () => {
  const foreign = await Client.connect({ host: 'localhost', port: Number(new URL(url).port) })
  const request = 'GET /status.json HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n'
  expect((await foreign.request('GET', request)).status).toBe(421)
  await foreign.leave()
  const posted = await fetch(url, { method: 'POST', headers: { connection: 'close' } })
  expect([posted.status, (await ask('nothing')).status]).toEqual([405, 404])
})

test('an address for all needs a token, which is asked for and not shown', async () => {
  const bind = ['--status-bind', '0.0.0.0:0']
  await expect(site.start(...bind)).rejects.toThrow(/MONODON_BAD_OPTION|observe-token/)
  site.write('monodon.config.json', JSON.stringify({ observeToken: TOKEN }))
  const open = await site.start(...bind)
  const at = urlOf(open).replace('0.0.0.0', '127.0.0.1')
  const asked = (authorization: string) =>
    fetch(at, { headers: { connection: 'close', authorization } })
  const basic = Buffer.from(`me:${TOKEN}`).toString('base64')
  const answers = await Promise.all(
    ['Bearer wrong-token-of-a-test', `Bearer ${TOKEN}`, `Basic ${basic}`].map(asked),
  )
  expect(answers.map((answer) => answer.status)).toEqual([401, 200, 200])
  await Promise.all(answers.map((answer) => answer.text()))
  expect(open.output).not.toContain(TOKEN)
  await open.stop()
})

describeChromium('the page of a server that runs', () => {
  test('shows its requests, and what they said as text', async () => {
    const browser = await Chromium.start()
    const page = await browser.open(url, { width: 1280, height: 900 })
    await page.shows('live', '#connection')
    const client = await Client.connect(server)
    await client.request('GET', get('/fail{\xc2\x9b31m\xe2\x80\xae}'))
    await client.request('GET', get('/slow'))
    await client.leave()
    await page.shows('GET /slow', '#lives')
    await page.shows('\\u009b31m\\u202e', '#lives')
    expect(await page.text('#workers')).toMatch(/1\s+ready\s+thread/)
    expect(page.complaints).toEqual([])
    await page.close()
    await browser.close()
  })
})
