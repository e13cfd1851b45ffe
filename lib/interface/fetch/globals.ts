/**
 * Globals that are replaced once they are touched, so that whoever touches none of them does not pay
 * for what it takes to replace them.
 */

import { caughtClass, takeUnseen } from './undici.ts'

type Global = 'Headers' | 'Request' | 'Response' | 'fetch'

interface Cover {
  readonly before: Before
  /** What stands in its place until it is touched. */
  readonly getter?: () => unknown
  readonly replace?: (before: unknown) => unknown
}

/** A global before it was replaced. */
interface Before {
  readonly enumerable: boolean
  /** As it was defined, perhaps by a getter with which Node loads it; may have to load it itself. */
  describe(): PropertyDescriptor
}

const covers = new Map<Global, Cover>()

/**
 * Has `reveal` called when the global is read first. It is to call `uncover`, by which the global gets
 * the value that `replace` makes of the one before. Who assigns the global has it for good.
 */
export function cover<K extends Global>(
  key: K,
  reveal: () => void,
  replace: (before: (typeof globalThis)[K]) => (typeof globalThis)[K],
): void {
  if (covers.has(key)) return
  const before = takeAway(key)
  if (before === undefined) return
  const getter = (): unknown => {
    reveal()
    return globalThis[key]
  }
  covers.set(key, { before, getter, replace: replace as (before: unknown) => unknown })
  Object.defineProperty(globalThis, key, {
    configurable: true,
    enumerable: before.enumerable,
    get: getter,
    set: (value) => define(key, before, value),
  })
}

/** Replaces a global at once, and keeps what it was before for `uncover`. */
export function substitute<K extends Global>(key: K, value: (typeof globalThis)[K]): void {
  const before = covers.get(key)?.before ?? takeAway(key)
  if (before === undefined) return
  covers.set(key, { before })
  define(key, before, value)
}

/** Whether it is noticed when somebody touches the platform's classes. */
export function isCovered(): boolean {
  return covers.size > 0
}

/** Puts the globals back as they were; what it gives puts their replacements, or the app's own, in their places. */
export function uncover(): () => void {
  const found = [...covers].map(([key, cover]) => [key, cover, cover.before.describe()] as const)
  covers.clear()
  const replacements = found.map(([key, { before, getter, replace }, description]) => {
    const now = Object.getOwnPropertyDescriptor(globalThis, key)
    Object.defineProperty(globalThis, key, description)
    if (replace !== undefined && now?.get === getter)
      return () => define(key, before, replace(globalThis[key]))
    if (now === undefined) return () => Reflect.deleteProperty(globalThis, key)
    return () => Object.defineProperty(globalThis, key, now)
  })
  return () => {
    for (const put of replacements) put()
  }
}

/** May take the global away; who calls this is to define it anew. Undefined where there is none. */
function takeAway(key: Global): Before | undefined {
  if (key !== 'fetch' && takeUnseen(key))
    return {
      enumerable: false,
      describe: () => ({
        value: caughtClass(key),
        writable: true,
        enumerable: false,
        configurable: true,
      }),
    }
  const description = Object.getOwnPropertyDescriptor(globalThis, key)
  if (description === undefined) return undefined
  return { enumerable: description.enumerable ?? false, describe: () => description }
}

function define(key: Global, { enumerable }: Before, value: unknown): void {
  Object.defineProperty(globalThis, key, { value, enumerable, configurable: true, writable: true })
}
