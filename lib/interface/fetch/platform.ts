/**
 * The platform's fetch classes, as they were before monodon put its own beside them, and what can be
 * known of the insides of their objects. What is inside them is an optimisation and nothing else: each
 * use is proven by a probe when they are loaded, and every caller works without it.
 *
 * Node 20 and 22 (undici 6) keep the inner state under symbols; Node 24 (undici 7) keeps it in
 * private fields, which nothing outside can read.
 *
 * Node loads them when one is touched first, which takes about 5 MB and 30 ms of each worker. So they
 * are left alone until somebody needs them: most apps answer without.
 */

import { isCovered, uncover } from './globals.ts'

/** The platform's classes. */
export interface Platform {
  readonly Request: typeof Request
  readonly Response: typeof Response
  readonly Headers: typeof Headers
}

let loaded: Platform | undefined
/** What is to be done once they are there. */
const waiting: (() => void)[] = []

/** The platform's classes, which are loaded if they are not. */
export function platform(): Platform {
  if (loaded === undefined) loadPlatform()
  return loaded!
}

/** Whether a value is a `Response` of the platform, or one of ours that passes for it. */
export function isPlatformResponse(value: unknown): value is Response {
  // Before they are loaded there are no objects of them.
  return loaded !== undefined && value instanceof loaded.Response
}

/** Whether the platform's classes are loaded. */
export function isPlatformLoaded(): boolean {
  return loaded !== undefined
}

/**
 * To be called before objects of ours are handed out: they pass for the platform's only once its classes
 * are loaded. Where those are covered that can wait, since nobody can compare without touching one.
 */
export function preparePlatform(): void {
  if (!isCovered()) loadPlatform()
}

/**
 * Has the platform's classes loaded, if they are not, and ours take their places. Globals that are
 * touched do it by themselves.
 */
export function loadPlatform(): void {
  const replaceGlobals = uncover()
  if (loaded === undefined) {
    const { Request, Response, Headers } = globalThis
    loaded = { Request, Response, Headers }
    stateSymbol = innerSymbol(new Response('probe'), 'state')
    fieldsKey = fieldsSymbol()
    readable = fieldsKey !== undefined && probe()
    for (const define of waiting.splice(0)) define()
  }
  replaceGlobals()
}

/** Calls `define` once the platform's classes are there; at once if they are. */
export function withPlatform(define: () => void): void {
  if (loaded !== undefined) define()
  else waiting.push(define)
}

/** A `Response` body that needs no stream, with the fields beside it. */
export interface InnerResponse {
  readonly source: string | Uint8Array
  /** Values by name in lower case, `set-cookie` left out. */
  readonly fields: ReadonlyMap<string, { readonly value: string }>
  /** Values of `set-cookie`, one for each. */
  readonly cookies: readonly string[] | null
}

/** What undici 6 keeps under `Symbol(state)`, as far as it is used here. */
interface UndiciState {
  readonly body?: { readonly source?: unknown; readonly stream?: ReadableStream } | null
  readonly headersList?: { readonly cookies?: string[] | null; readonly [key: symbol]: unknown }
}

type Inner = { readonly [key: symbol]: unknown }

let stateSymbol: symbol | undefined
let fieldsKey: symbol | undefined
let readable = false

/**
 * The body and fields of a platform `Response` whose body was a string or bytes and is unread;
 * `undefined` for any other, and always where the platform keeps them private.
 */
export function innerResponse(response: Response): InnerResponse | undefined {
  return readable ? readInner(response) : undefined
}

function readInner(response: Response): InnerResponse | undefined {
  const state = stateOf(response)
  const body = state?.body
  const source = body?.source
  if (typeof source !== 'string' && !(source instanceof Uint8Array)) return undefined
  const fields = state?.headersList?.[fieldsKey!]
  if (!(fields instanceof Map)) return undefined
  // A stream that was read or is being read makes the response unusable, whatever its source.
  if (body?.stream?.locked !== false || response.bodyUsed) return undefined
  return { source, fields, cookies: state?.headersList?.cookies ?? null }
}

function stateOf(value: object): UndiciState | undefined {
  return stateSymbol === undefined
    ? undefined
    : ((value as Inner)[stateSymbol] as UndiciState | undefined)
}

function innerSymbol(value: object, description: string): symbol | undefined {
  return Object.getOwnPropertySymbols(value).find((symbol) => symbol.description === description)
}

function fieldsSymbol(): symbol | undefined {
  const list = stateOf(new (platform().Response)('probe'))?.headersList
  return list === undefined ? undefined : innerSymbol(list, 'headers map')
}

/** Whether the insides mean what `readInner` takes them for. */
function probe(): boolean {
  const { Response } = platform()
  const response = new Response('probe', {
    headers: [
      ['X-Probe', '1'],
      ['set-cookie', 'a'],
      ['set-cookie', 'b'],
    ],
  })
  const inner = readInner(response)
  const read = new Response(new Uint8Array(1))
  const bytes = readInner(read)
  read.arrayBuffer().catch(() => {})
  return (
    inner?.source === 'probe' &&
    inner.fields.get('x-probe')?.value === '1' &&
    inner.cookies?.join() === 'a,b' &&
    bytes?.source instanceof Uint8Array &&
    bytes.cookies === null &&
    readInner(read) === undefined
  )
}

/**
 * Makes `ours` a class whose objects pass `instanceof platform`, and to which everything that
 * `platform` has and `ours` does not define is forwarded: to a platform object built at that moment.
 *
 * @param sample an object of `platform`; what it keeps under symbols is forwarded too, so that the
 *   platform's own functions can read an object of ours where their state is not private.
 */
export function standInFor<T extends object>(
  ours: { readonly prototype: T },
  platform: { readonly prototype: object },
  sample: object,
  materialize: (value: T) => object,
): void {
  Object.setPrototypeOf(ours.prototype, platform.prototype)
  Object.setPrototypeOf(ours, platform)
  const inherited = Reflect.ownKeys(platform.prototype)
  for (const key of [...inherited, ...Object.getOwnPropertySymbols(sample)]) {
    if (Object.hasOwn(ours.prototype, key) || key === Symbol.toStringTag) continue
    Object.defineProperty(ours.prototype, key, {
      configurable: true,
      get(this: T) {
        if (this === ours.prototype) return Reflect.get(platform.prototype, key, platform.prototype)
        const target = materialize(this)
        const value: unknown = Reflect.get(target, key, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }
}
