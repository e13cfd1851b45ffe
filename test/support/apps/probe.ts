/** What the test apps share: what a test watches, and the bytes they send. */

/** What an app saw of one request. */
export interface Seen {
  readonly method: string
  /** As the interface gives it: the raw target, or the URL. */
  readonly target: string
  readonly url?: string
  readonly version?: string
  readonly headers: Readonly<Record<string, string>>
  /** The body, one character an octet. */
  readonly body: string
  readonly trailers?: Readonly<Record<string, string>>
}

/** Lets a test watch an app that runs in its own thread, and hold it back. */
export interface Probe {
  /** The app was called. */
  called(method: string, target: string): void
  /** The app has read the whole body. */
  completed(method: string, target: string): void
  /** Something a test waits for. */
  note(event: string): void
  /** `/route/gate` answers once this resolves. */
  gate(): Promise<void>
}

/** For apps that nobody watches. */
export const UNWATCHED: Probe = {
  called: () => undefined,
  completed: () => undefined,
  note: () => undefined,
  gate: () => Promise.resolve(),
}

/** Counts what happens in an app. */
export class Watcher implements Probe {
  readonly calls: string[] = []
  completions = 0
  readonly notes: string[] = []
  #open: (() => void)[] = []

  called(method: string, target: string): void {
    this.calls.push(`${method} ${target}`)
  }

  completed(): void {
    this.completions += 1
  }

  note(event: string): void {
    this.notes.push(event)
  }

  count(event: string): number {
    return this.notes.filter((note) => note === event).length
  }

  gate(): Promise<void> {
    this.note('at the gate')
    return new Promise((resolve) => {
      this.#open.push(resolve)
    })
  }

  /** Lets everybody at the gate pass. */
  open(): void {
    for (const open of this.#open.splice(0)) open()
  }

  reset(): void {
    this.calls.length = 0
    this.notes.length = 0
    this.completions = 0
  }
}

/** What a suite sees of an app and does to it, wherever the app runs. */
export type Observer = Pick<Watcher, 'completions' | 'count' | 'open' | 'reset'> & {
  readonly calls: readonly string[]
  readonly notes: readonly string[]
}

const PATTERN = Buffer.from(Array.from({ length: 65_521 }, (_, i) => (i * 31 + (i >> 8)) & 0xff))

/** `size` bytes that differ enough to show any that is lost, doubled or swapped. */
export function pattern(size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  for (let at = 0; at < size; at += PATTERN.length)
    bytes.set(PATTERN.subarray(0, Math.min(PATTERN.length, size - at)), at)
  return bytes
}

/** The `index`th chunk of `/route/stream`. */
export function streamChunk(index: number, size: number): Uint8Array {
  return new Uint8Array(size).fill(97 + (index % 26))
}

/** A string of `size` characters, two of three of them longer than a byte in UTF-8. */
export function text(size: number): string {
  return 'aé€'.repeat(Math.ceil(size / 3)).slice(0, size)
}

/** Path and query of a request target in any form. */
export function parseTarget(target: string): { path: string; query: URLSearchParams } {
  const relative = target.replace(/^[a-z]+:\/\/[^/?]*/i, '')
  const [path = '', query = ''] = relative.split('?', 2)
  return { path, query: new URLSearchParams(query) }
}

/** A number from a query. */
export function numberOf(query: URLSearchParams, name: string, otherwise: number): number {
  const value = query.get(name)
  return value === null ? otherwise : Number(value)
}

/** The `number`th event of `/route/events`. */
export function eventText(number: number): string {
  return `data: ${number}\n\n`
}

/** What `/route/events` waits for before each event but the first: the gate, or with `idle` nothing. */
export function nextEvent(query: URLSearchParams, probe: Probe): Promise<void> {
  return query.has('idle') ? new Promise(() => undefined) : probe.gate()
}

/** Server-Sent Events of a generator, which ends when the client has gone. */
export async function* events(
  signal: AbortSignal,
  waits: () => Promise<void>,
  probe: Probe,
): AsyncGenerator<string, void> {
  const gone = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
  try {
    for (let number = 0; !signal.aborted; number++) {
      yield eventText(number)
      await Promise.race([waits(), gone])
    }
  } finally {
    probe.note('returned')
  }
}

/** The routes that fail on purpose throw this. */
export class AppFailure extends Error {
  override readonly name = 'AppFailure'
}

/** What the route `hints` sends ahead. */
export const HINT = '</style.css>; rel=preload; as=style'
