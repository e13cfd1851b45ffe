/** The status page in a browser, over snapshots of a server that nobody runs. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { ObserveServer } from '../../dist/observe/http.js'
import type { Snapshot } from '../../lib/observe/snapshot.ts'
import { type BrowserPage, Chromium, type Device, describeChromium } from '../support/chromium.ts'
import { until } from '../support/wait.ts'
import { HOSTILE, histogram, inFlight, life, snapshot, worker } from './snapshots.ts'

const PHONE: Device = { width: 360, height: 740 }
const DESKTOP: Device = { width: 1280, height: 900 }
/** Where pictures are put for people to look at, if anywhere. */
const PICTURES = process.env.TEST_PICTURES

const busy = (second: number): Partial<Snapshot> => ({
  requestCounts: [
    {
      ...{ method: 'GET', statusClass: 2, interface: 'fetch' },
      count: Math.round(second * 400 + 900 * Math.sin(second / 4)) + 1000,
    },
    { method: 'GET', statusClass: 5, interface: 'fetch', count: second * 2 },
    { method: 'POST', statusClass: 4, interface: 'fetch', count: second * 3 },
  ],
  ...{ queued: 3, queueAge: 0.12, claimed: 8, bytesReceived: second * 90_000 },
  bytesSent: second * 3_565_158,
  ...{ queueTime: histogram(second * 300, second * 90, 0, 0, 0) },
  ...{ appTime: histogram(0, second * 300, second * 90, second * 4, 0) },
  ...{ sendTime: histogram(second * 390, second * 4, 0, 0, 0), limited: { limitRequestBody: 3 } },
  workers: [
    worker({ number: 1, requests: second * 220, held: 5 }),
    worker({ number: 2, requests: second * 180, held: 3, pid: 4712, lag: 0.31 }),
    worker({ number: 3, state: 'hung', held: 1, lag: null, utilization: null, age: 4000 }),
    worker({ number: 4, state: 'booting', pid: 4713, memory: null, age: 1 }),
  ],
  inFlight: [
    inFlight({ age: 12.4, worker: 3, target: '/report?year=2026&format=pdf' }),
    inFlight({ id: 'a2', age: 0.12, worker: 2, state: 'waiting-to-send', target: '/feed' }),
    inFlight({ id: 'a3', age: 0.09, worker: null, state: 'request-received', method: 'POST' }),
  ],
  lives: [
    life(),
    life({
      ...{ id: '20', target: '/orders', method: 'POST', status: 500, outcome: 'failed' },
      ...{ called: 0.21, ready: 0.35, ended: 0.352, bytes: 120 },
    }),
    life({
      ...{ id: '21', target: '/export.csv', status: 0, outcome: 'aborted', ready: null },
      ...{ called: 0.0004, ended: 7.25, bytes: 0 },
    }),
    life({
      ...{ id: '22', target: '/feed', status: 503, outcome: 'failed', called: null, worker: null },
      ...{ ready: 10, ended: 10.0004, bytes: 90 },
    }),
  ],
  errors: [
    { at: 1_800_000_000, level: 'error', text: 'MONODON_APP_THREW GET /orders: TypeError: x' },
    { at: 1_799_999_990, level: 'warning', text: 'Worker 3 hangs:\n    at /report' },
  ],
})

describeChromium('the status page', () => {
  let browser: Chromium
  let server: ObserveServer | undefined
  let open: (port?: number) => ObserveServer
  let page: BrowserPage
  /** What `status.json` says at the next second. */
  let now: (second: number) => Partial<Snapshot>
  let second: number
  let pid: number

  beforeAll(async () => {
    const http = await import('../../dist/observe/http.js')
    const { statusPage } = await import('../../dist/observe/page/page.js')
    open = (port = 0) =>
      http.ObserveServer.open(
        { bind: `127.0.0.1:${port}`, option: '--status-bind', token: '' },
        {
          '/': statusPage,
          '/status.json': () => ({
            type: 'application/json',
            body: JSON.stringify(snapshot({ pid, at: 1_800_000_000 + second, ...now(second++) })),
          }),
        },
      )
    browser = await Chromium.start()
  })
  afterAll(() => browser.close())
  beforeEach(async () => {
    second = 1
    pid = 4711
    now = busy
    server = open()
  })
  afterEach(async () => {
    await page.close()
    server?.close()
  })

  async function show(device: Device = DESKTOP): Promise<void> {
    page = await browser.open(`${server!.url}/`, device)
  }

  async function picture(name: string): Promise<void> {
    const png = await page.screenshot()
    expect(png.length).toBeGreaterThan(10_000)
    if (PICTURES === undefined) return
    mkdirSync(PICTURES, { recursive: true })
    writeFileSync(join(PICTURES, `${name}.png`), png)
  }

  test.each([
    ['phone', 'light', PHONE],
    ['phone', 'dark', { ...PHONE, isDark: true }],
    ['desktop', 'light', DESKTOP],
    ['desktop', 'dark', { ...DESKTOP, isDark: true }],
  ] as const)('fits a %s in %s, and its texts can be read', async (size, scheme, device) => {
    await show(device)
    await page.shows('at most')
    await until('a second look', () => second > 3)
    await page.evaluate(
      'document.querySelectorAll("details").forEach((one) => { one.open = true })',
    )
    await picture(`${size}-${scheme}`)
    expect(await page.evaluate(PAGE_WIDTH)).toBeLessThanOrEqual(device.width)
    expect(await page.evaluate<string[]>(UNREADABLE)).toEqual([])
    expect(page.complaints).toEqual([])
  })

  test('shows what the server does', async () => {
    await show()
    await page.shows('live', '#connection')
    await until('rates', async () => /Requests\n\d+\/s/.test(await page.text('#figures')))
    expect(await page.text('header')).toContain('app.ts at http://127.0.0.1:8000')
    expect(await page.text('#workers')).toMatch(/3\s+hung\s+thread\s+1/)
    expect(await page.text('#latency')).toMatch(/app\s+[\d.]+ ms\s+[\d.]+ ms\s+[\d.]+ ms/)
    expect(await page.text('#flight')).toMatch(
      /12\.4 s\s+GET \/report\?year=2026&format=pdf\s+processing\s+3/,
    )
    expect(await page.text('#connections')).toMatch(/Limits hit\n3/)
    expect(await page.text('#errors')).toContain('Worker 3 hangs:\n    at /report')
    const [first = ''] = (await page.text('#lives')).split('POST /orders')
    expect(first).toMatch(/processing\s+running\s+not-sent/)
    expect(
      await page.evaluate('document.querySelector("#chart").getAttribute("aria-label")'),
    ).toMatch(/Requests a second: .* now, .* at most/)
    const others = page.requested.filter((url) => !/^data:|\/(?:status\.json)?$/.test(url))
    expect(others).toEqual([])
  })

  test('explains the life of a request before there is one', async () => {
    now = () => ({})
    await show()
    await page.shows('live', '#connection')
    const rows = await page.evaluate<string[][]>(
      '[...document.querySelectorAll("#usual tbody tr")].map((row) => [...row.children].map((cell) => cell.innerText))',
    )
    expect(rows).toEqual([
      ['The server listens', 'listening', 'not-called', 'not-sent'],
      ['The request has come', 'request-received', 'not-called', 'not-sent'],
      ['The app is called', 'processing', 'running', 'not-sent'],
      ['The response is ready', 'waiting-to-send', 'response-ready', 'not-sent'],
      ['The response is sent', 'idle', 'idle', 'sent'],
    ])
    await picture('nothing-yet')
    await page.use(PHONE)
    expect(await page.evaluate(ASTRAY('#usual'))).toEqual([])
    await picture('nothing-yet-phone')
    now = () => ({ lives: [life()] })
    await page.shows('GET /report', '#lives')
    expect(await page.evaluate(ASTRAY('#lives'))).toEqual([])
  })

  test('sets what clients wrote as text', async () => {
    const hostile = { target: HOSTILE, method: '<b>\u202e' }
    now = () => ({
      ...{ app: HOSTILE, urls: [HOSTILE], inFlight: [inFlight(hostile)] },
      lives: [life({ ...hostile, client: HOSTILE, protocol: HOSTILE })],
      errors: [{ at: 1, level: 'error', text: HOSTILE }],
    })
    await show()
    await page.shows('live', '#connection')
    const text = await page.text()
    expect(text).toContain(
      '<b>\\u202e /\\u001b[31m<img src=x onerror=alert(1)>\\u202etxt.exe\\u0007',
    )
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is about them
    expect(text).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u200b]/)
    expect(await page.evaluate('document.querySelectorAll("img, b").length')).toBe(0)
    expect(page.complaints).toEqual([])
    await page.use(PHONE)
    expect(await page.evaluate(PAGE_WIDTH)).toBeLessThanOrEqual(PHONE.width)
    await picture('hostile')
  })

  test('says so when the server is gone, and goes on when it is there again', async () => {
    await show()
    await page.shows('live', '#connection')
    const port = Number(new URL(server!.url).port)
    server!.close()
    await page.shows('The server does not answer; trying again', '#connection')
    await picture('gone')
    ;[pid, second] = [4800, 1]
    server = open(port)
    await page.shows('live', '#connection')
    await page.shows('pid 4800', '#server')
  })

  test('can be used with keys, and keeps the focus while it changes', async () => {
    await show({ ...DESKTOP, reducesMotion: true })
    await page.shows('live', '#connection')
    const focused = () =>
      page.evaluate<string>('document.activeElement.id || document.activeElement.innerText')
    const stops: string[] = []
    while (!stops.at(-1)?.includes('POST /orders')) {
      await page.press('Tab', 9)
      stops.push(await focused())
      expect(stops.length).toBeLessThan(20)
    }
    expect(stops.slice(0, 2)).toEqual(['Skip to the figures', 'pause'])
    expect(await page.evaluate(FOCUS_IS_SEEN)).toBe(true)
    await page.press('Enter', 13)
    const isOpen = 'document.activeElement.parentElement.open'
    expect(await page.evaluate(isOpen)).toBe(true)
    const before = second
    now = (at) => ({
      ...busy(at),
      lives: [life({ id: 'new', target: '/new' }), ...busy(at).lives!],
    })
    await until('another life', async () => (await page.text('#lives')).includes('/new'))
    expect(second).toBeGreaterThan(before)
    expect([await focused(), await page.evaluate(isOpen)]).toEqual([
      expect.stringContaining('POST /orders'),
      true,
    ])
  })

  test('shows a few lives at first, and all when they are asked for', async () => {
    const lives = Array.from({ length: 9 }, (_, index) => life({ id: `${index}` }))
    now = () => ({ lives })
    await show()
    await page.shows('Show 3 more', '#more')
    const count = 'document.querySelectorAll("#lives > li").length'
    expect(await page.evaluate(count)).toBe(6)
    await page.evaluate('document.querySelector("#more").click()')
    expect(await page.evaluate(count)).toBe(9)
    expect(await page.evaluate('document.activeElement.localName')).toBe('summary')
  })

  test('pauses', async () => {
    await show()
    await page.shows('live', '#connection')
    await page.evaluate('document.querySelector("#pause").click()')
    await page.shows('paused', '#connection')
    const before = second
    const at = Date.now()
    await until('more than a second to pass', () => Date.now() > at + 1500)
    expect(second - before).toBeLessThanOrEqual(1)
    await page.evaluate('document.querySelector("#pause").click()')
    await page.shows('live', '#connection')
  })

  test('has a structure that can be heard', async () => {
    await show()
    await page.shows('live', '#connection')
    expect(await page.evaluate<string[]>(STRUCTURE_FLAWS)).toEqual([])
  })
})

const PAGE_WIDTH = 'document.documentElement.scrollWidth'

/** States that do not stand below the heads of their columns, of the tables within an element. */
const ASTRAY = (
  where: string,
) => `[...document.querySelectorAll('${where} table')].flatMap((table) => {
  const lefts = (row) => [...row.children].slice(-3).map((cell) => cell.getBoundingClientRect().left)
  const heads = lefts(table.tHead.rows[0])
  return [...table.tBodies[0].rows]
    .filter((row) => lefts(row).some((left, column) => Math.abs(left - heads[column]) > 2))
    .map((row) => row.innerText)
})`

/** Texts whose contrast is below 4.5 to 1 (WCAG 2.2, 1.4.3), with what they stand on. */
const UNREADABLE = `(() => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number)
  const luminance = ([r, g, b]) => {
    const linear = [r, g, b].map((value) => {
      const share = value / 255
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
  }
  const backOf = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor)
      if (color.length === 3 || color[3] === 1) return color
    }
    return [255, 255, 255]
  }
  const flaws = []
  for (const element of document.querySelectorAll('body *')) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== '')
    if (!hasText || element.closest('svg, script, noscript') || !element.checkVisibility()) continue
    const text = luminance(channels(getComputedStyle(element).color))
    const back = luminance(backOf(element))
    const contrast = (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05)
    if (contrast < 4.5) flaws.push(element.innerText + ' ' + contrast.toFixed(2))
  }
  return flaws
})()`

const FOCUS_IS_SEEN = `(() => {
  const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement)
  return outlineStyle === 'solid' && parseFloat(outlineWidth) >= 2
})()`

const STRUCTURE_FLAWS = `(() => {
  const flaws = []
  const expect = (what, holds) => { if (!holds) flaws.push(what) }
  const all = (selector) => [...document.querySelectorAll(selector)]
  expect('a language', document.documentElement.lang === 'en')
  for (const landmark of ['header', 'main', 'footer']) expect(landmark, all(landmark).length === 1)
  expect('one h1', all('h1').length === 1)
  for (const section of all('section'))
    expect('a name of each section', document.getElementById(section.getAttribute('aria-labelledby'))?.localName === 'h2')
  for (const cell of all('th')) expect('a scope of ' + cell.innerText, cell.scope === 'col' || cell.scope === 'row')
  for (const table of all('table')) expect('a head of each table', table.tHead !== null)
  for (const image of all('[role=img]')) expect('a name of each image', image.getAttribute('aria-label'))
  for (const stop of all('button, a, summary').filter((one) => one.checkVisibility())) expect('a name of each stop', stop.innerText.trim() !== '')
  expect('one live region', all('[aria-live], [role=status], [role=alert]').length === 1)
  const ids = all('[id]').map(({ id }) => id)
  expect('ids of their own', new Set(ids).size === ids.length)
  return flaws
})()`
