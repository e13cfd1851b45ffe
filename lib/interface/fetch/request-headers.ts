import { type InspectOptions, inspect } from 'node:util'
import type { Exchange } from '../../bridge/exchange.ts'
import { platform, standInFor, withPlatform } from './platform.ts'

/**
 * The header fields of a request: read from the exchange until something changes them, from then on
 * a platform `Headers`.
 */
export class LazyHeaders implements Headers {
  readonly #exchange: Exchange
  #platform: Headers | undefined = undefined

  constructor(exchange: Exchange) {
    this.#exchange = exchange
  }

  get(name: string): string | null {
    if (this.#platform !== undefined) return this.#platform.get(name)
    return this.#find(name) ?? null
  }

  has(name: string): boolean {
    if (this.#platform !== undefined) return this.#platform.has(name)
    return this.#find(name) !== undefined
  }

  getSetCookie(): string[] {
    return this.#materialize().getSetCookie()
  }

  append(name: string, value: string): void {
    this.#materialize().append(name, value)
  }

  delete(name: string): void {
    this.#materialize().delete(name)
  }

  set(name: string, value: string): void {
    this.#materialize().set(name, value)
  }

  forEach(
    visit: (value: string, name: string, parent: Headers) => void,
    thisArgument?: unknown,
  ): void {
    for (const [name, value] of this) visit.call(thisArgument, value, name, this)
  }

  entries(): HeadersIterator<[string, string]> {
    if (this.#platform !== undefined) return this.#platform.entries()
    return this.#sorted()[Symbol.iterator]()
  }

  keys(): HeadersIterator<string> {
    if (this.#platform !== undefined) return this.#platform.keys()
    return this.#sorted()
      .map((field) => field[0])
      [Symbol.iterator]()
  }

  values(): HeadersIterator<string> {
    if (this.#platform !== undefined) return this.#platform.values()
    return this.#sorted()
      .map((field) => field[1])
      [Symbol.iterator]()
  }

  [Symbol.iterator](): HeadersIterator<[string, string]> {
    return this.entries()
  }

  get [Symbol.toStringTag](): string {
    return 'Headers'
  }

  [inspect.custom](_depth: number, options: InspectOptions): string {
    return inspect(this.#materialize(), options)
  }

  #find(name: unknown): string | undefined {
    const text = String(name)
    const value = this.#exchange.header(text.toLowerCase())
    // No field is found by what is no name, so only a miss has to be looked at.
    if (value === undefined && !TOKEN.test(text))
      throw new TypeError(`${JSON.stringify(text)} is not a header name`)
    return value
  }

  /** https://fetch.spec.whatwg.org/#concept-header-list-sort-and-combine */
  #sorted(): [string, string][] {
    const combined = new Map<string, [string, string]>()
    const cookies: [string, string][] = []
    this.#exchange.forEachHeader((name, value) => {
      const earlier = combined.get(name)
      if (name === 'set-cookie') cookies.push([name, value])
      else if (earlier === undefined) combined.set(name, [name, value])
      else earlier[1] += (name === 'cookie' ? '; ' : ', ') + value
    })
    return [...combined.values(), ...cookies].sort(byName)
  }

  #materialize(): Headers {
    this.#platform ??= new (platform().Headers)(this.#sorted())
    return this.#platform
  }

  static {
    withPlatform(() => {
      const { Headers } = platform()
      standInFor(LazyHeaders, Headers, new Headers(), (headers) => headers.#materialize())
    })
  }
}

/** RFC 9110 section 5.6.2: token. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

function byName(a: [string, string], b: [string, string]): number {
  return a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0
}
