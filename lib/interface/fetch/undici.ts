/**
 * Finding the platform's classes of fetch though their globals were taken away unseen.
 *
 * Where Node defines these globals by lazy data properties of V8 (from 22.23 on), to see how one is defined, or
 * to define another over it, is to read it: that loads undici, 20 to 40 ms of a worker's start. To
 * delete one is not. What it stood for can be had by no name then; so it is caught as undici, whenever and by
 * whomever that is loaded, calls `Object.defineProperties` for the prototype of each class.
 */

export type PlatformClass = 'Headers' | 'Request' | 'Response'

type Classes = Pick<typeof globalThis, PlatformClass>

const KEYS: readonly PlatformClass[] = ['Headers', 'Request', 'Response']
/** To read any of these loads undici too, if that was not loaded and nobody has replaced them. */
const OTHERS = ['FormData', 'MessageEvent', 'CloseEvent', 'WebSocket', 'EventSource'] as const
const UNDICI = 'internal/deps/undici/undici'
/** Options by which others run code in a thread before its own, which may have replaced globals. */
const PRELOADS = /^(?:-r|--require|--import|--(?:experimental-)?loader)(?:=|$)/

/** Frames of a stack between undici and the function that it calls, and some more: wrappers of others. */
const NEAR_FRAMES = 32

const platformDefineProperties = Object.defineProperties
const caught: Partial<Record<PlatformClass, unknown>> = {}
let catching: typeof Object.defineProperties | undefined

/**
 * Takes the global away without loading what it stands for, which `caughtClass` finds later. False, and
 * nothing has changed, where there is no need: it can be looked at, or is loaded; or where it may be
 * another's.
 */
export function takeUnseen(key: PlatformClass): boolean {
  if (!isUnseen(key) || !catchClasses()) return false
  return Reflect.deleteProperty(globalThis, key)
}

/**
 * A class whose global was taken away, which is loaded if it is not.
 *
 * @throws Error if undici was loaded by another's hand while another function stood in the place of
 *   `Object.defineProperties` and did not call the one before it: nothing has seen the class then
 */
export function caughtClass<K extends PlatformClass>(key: K): Classes[K] {
  if (caught[key] === undefined) loadUndici()
  if (caught[key] === undefined)
    throw new Error(`the platform's ${key} was not found: Object.defineProperties was replaced`)
  return caught[key] as Classes[K]
}

function isUnseen(key: PlatformClass): boolean {
  if (!Object.hasOwn(globalThis, key) || isUndiciLoaded() || isPreloaded()) return false
  return !hasGetter(key)
}

/** Whether the global is a getter, as up to Node 22.22: this does not call one, nor read a lazy property. */
function hasGetter(key: PlatformClass): boolean {
  const { __lookupGetter__: lookupGetter } = Object.prototype as unknown as {
    __lookupGetter__(key: string): unknown
  }
  return lookupGetter.call(globalThis, key) !== undefined
}

/** Whether it is; also where that cannot be known, as in Bun and Deno, which have classes of their own. */
function isUndiciLoaded(): boolean {
  const { moduleLoadList, versions } = process as typeof process & {
    readonly moduleLoadList?: readonly string[]
  }
  if ('bun' in versions || 'deno' in versions || moduleLoadList === undefined) return true
  return moduleLoadList.some((name) => name.endsWith(UNDICI))
}

function isPreloaded(): boolean {
  const { NODE_OPTIONS = '' } = process.env
  return [...process.execArgv, ...NODE_OPTIONS.split(/\s+/)].some((option) => PRELOADS.test(option))
}

/** Has the classes caught from now on. False where `Object` is frozen. */
function catchClasses(): boolean {
  if (catching !== undefined) return true
  const ours = function defineProperties<T>(target: T, properties: PropertyDescriptorMap): T {
    if (catching !== undefined) note(target)
    return platformDefineProperties(target, properties)
  }
  if (!Reflect.set(Object, 'defineProperties', ours)) return false
  catching = ours
  return true
}

function note(target: unknown): void {
  const key = keyOf(target)
  // Packages that replace fetch have classes of these names, too.
  if (key === undefined || !isCalledByUndici()) return
  caught[key] = (target as { constructor: unknown }).constructor
  if (KEYS.every((one) => caught[one] !== undefined)) stopCatching()
}

function stopCatching(): void {
  // `Object` may be frozen by now; without `catching` the function is as good as the platform's.
  if (Object.defineProperties === catching)
    Reflect.set(Object, 'defineProperties', platformDefineProperties)
  catching = undefined
}

/** Of which class this is the prototype. */
function keyOf(target: unknown): PlatformClass | undefined {
  if (typeof target !== 'object' || target === null || !Object.hasOwn(target, 'constructor')) return
  return KEYS.find((key) => (target.constructor as { name?: unknown } | null)?.name === key)
}

/** Whether undici has called it, perhaps through a wrapper that the app has put around it. */
function isCalledByUndici(): boolean {
  const { stackTraceLimit, prepareStackTrace } = Error
  const caller: { stack?: string } = {}
  Object.assign(Error, { stackTraceLimit: NEAR_FRAMES, prepareStackTrace: undefined })
  try {
    Error.captureStackTrace(caller, catching)
    return caller.stack?.includes(`(node:${UNDICI}:`) ?? false
  } finally {
    Object.assign(Error, { stackTraceLimit, prepareStackTrace })
  }
}

/** What the app may have put in the place of our function gives way to it for as long as this takes. */
function loadUndici(): void {
  const found = Object.getOwnPropertyDescriptor(Object, 'defineProperties')
  const isReplaced = found !== undefined && found.value !== catching
  if (isReplaced)
    Reflect.defineProperty(Object, 'defineProperties', { value: catching, configurable: true })
  try {
    for (const key of OTHERS) if (catching !== undefined) Reflect.get(globalThis, key)
  } finally {
    if (isReplaced) Reflect.defineProperty(Object, 'defineProperties', found)
  }
}
