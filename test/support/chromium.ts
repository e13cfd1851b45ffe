/** Chromium without a window, told what to do by the Chrome DevTools Protocol over two pipes. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { describeWith } from './required.ts'
import { PATIENCE_MS, until, within } from './wait.ts'

const COMMAND = process.env.TEST_CHROMIUM ?? 'chromium'

/** A suite that is run with Chromium, if there is one. */
export function describeChromium(title: string, suite: () => void): void {
  const { error } = spawnSync(COMMAND, ['--version'], { stdio: 'ignore' })
  const missing = error === undefined ? undefined : `there is no ${COMMAND}: ${error.message}`
  describeWith(missing, title, suite)
}

export interface Device {
  readonly width: number
  readonly height: number
  readonly isDark?: boolean
  readonly reducesMotion?: boolean
}

interface Message {
  readonly id?: number
  readonly method?: string
  readonly sessionId?: string
  // biome-ignore lint/suspicious/noExplicitAny: of the protocol, of which this is a small part
  readonly params?: any
  // biome-ignore lint/suspicious/noExplicitAny: see above
  readonly result?: any
  readonly error?: { readonly message: string }
}

export class Chromium {
  private readonly child: ChildProcess
  private readonly folder: string
  private readonly waiting = new Map<number, (message: Message) => void>()
  private readonly heard: ((message: Message) => void)[] = []
  private sent = 0
  private received = ''

  private constructor(child: ChildProcess, folder: string) {
    this.child = child
    this.folder = folder
    const from = child.stdio[4] as Readable
    from.setEncoding('utf8').on('data', (text: string) => this.receive(text))
  }

  static async start(): Promise<Chromium> {
    const folder = mkdtempSync(join(tmpdir(), 'monodon-chromium-'))
    const child = spawn(
      COMMAND,
      [
        ...['--headless', '--remote-debugging-pipe', `--user-data-dir=${folder}`, '--no-first-run'],
        ...['--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking'],
        ...['--disable-component-update', '--disable-extensions', '--disable-sync'],
        // Its sandbox is not for root, as whom tests run in containers.
        ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
        'about:blank',
      ],
      { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] },
    )
    const browser = new Chromium(child, folder)
    await browser.send('Browser.getVersion')
    return browser
  }

  async open(url: string, device: Device): Promise<BrowserPage> {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true })
    const page = new BrowserPage(this, sessionId, targetId)
    await page.load(url, device)
    return page
  }

  async close(): Promise<void> {
    const exited = once(this.child, 'exit')
    void this.send('Browser.close').catch(() => {})
    await within(PATIENCE_MS, 'Chromium to end', () => exited).finally(() =>
      this.child.kill('SIGKILL'),
    )
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }

  /** Calls a method of the protocol. */
  // biome-ignore lint/suspicious/noExplicitAny: of the protocol
  send(method: string, params: object = {}, sessionId?: string): Promise<any> {
    const id = ++this.sent
    const to = this.child.stdio[3] as Writable
    to.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    return within(PATIENCE_MS, `Chromium to answer ${method}`, async () => {
      const { result, error } = await new Promise<Message>((resolve) => {
        this.waiting.set(id, resolve)
      })
      if (error !== undefined) throw new Error(`${method}: ${error.message}`)
      return result
    })
  }

  onEvent(hear: (message: Message) => void): void {
    this.heard.push(hear)
  }

  private receive(text: string): void {
    const parts = (this.received + text).split('\0')
    this.received = parts.pop() ?? ''
    for (const part of parts) {
      const message = JSON.parse(part) as Message
      if (message.id === undefined) for (const hear of this.heard) hear(message)
      else this.waiting.get(message.id)?.(message)
    }
  }
}

export class BrowserPage {
  /** What scripts threw, what was written to the console, and what policies have refused. */
  readonly complaints: string[] = []
  /** Addresses that were asked for. */
  readonly requested: string[] = []
  private readonly browser: Chromium
  private readonly session: string
  private readonly target: string

  constructor(browser: Chromium, session: string, target: string) {
    this.browser = browser
    this.session = session
    this.target = target
    browser.onEvent(({ sessionId, method, params }) => {
      if (sessionId !== session) return
      if (method === 'Runtime.exceptionThrown')
        this.complaints.push(JSON.stringify(params.exceptionDetails))
      if (method === 'Log.entryAdded') this.complaints.push(params.entry.text)
      if (method === 'Network.requestWillBeSent') this.requested.push(params.request.url)
    })
  }

  async load(url: string, device: Device): Promise<void> {
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await this.send(`${domain}.enable`)
    await this.use(device)
    await this.send('Page.navigate', { url })
    await until('the page to be loaded', () =>
      this.evaluate<boolean>(
        'document.readyState === "complete" && location.href !== "about:blank"',
      ),
    )
  }

  async use({ width, height, isDark, reducesMotion }: Device): Promise<void> {
    const isPhone = width < 600
    await this.send('Emulation.setDeviceMetricsOverride', {
      ...{ width, height, deviceScaleFactor: isPhone ? 2 : 1, mobile: isPhone },
    })
    await this.send('Emulation.setEmulatedMedia', {
      features: [
        { name: 'prefers-color-scheme', value: isDark ? 'dark' : 'light' },
        { name: 'prefers-reduced-motion', value: reducesMotion ? 'reduce' : 'no-preference' },
      ],
    })
  }

  /** The value of an expression, which may be a promise. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', {
      ...{ expression, returnByValue: true, awaitPromise: true },
    })
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails))
    return result.value as T
  }

  /** What people read. */
  text(selector = 'body'): Promise<string> {
    return this.evaluate<string>(`document.querySelector(${JSON.stringify(selector)}).innerText`)
  }

  async shows(text: string, selector = 'body'): Promise<void> {
    await until(`the page to show ${text}`, async () => (await this.text(selector)).includes(text))
  }

  /** Presses a key. */
  async press(key: string, code: number): Promise<void> {
    const text = key === 'Enter' ? '\r' : key === ' ' ? ' ' : undefined
    const event = { key, windowsVirtualKeyCode: code, text }
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', ...event })
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...event })
  }

  /** The page from its top to its end, as a PNG. */
  async screenshot(): Promise<Buffer> {
    const { data } = await this.send('Page.captureScreenshot', { captureBeyondViewport: true })
    return Buffer.from(data, 'base64')
  }

  // biome-ignore lint/suspicious/noExplicitAny: of the protocol
  send(method: string, params: object = {}): Promise<any> {
    return this.browser.send(method, params, this.session)
  }

  async close(): Promise<void> {
    await this.browser.send('Target.closeTarget', { targetId: this.target })
  }
}
