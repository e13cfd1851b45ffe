/**
 * Globals that are replaced once they are touched, so that whoever touches none of them does not pay
 * for what it takes to replace them.
 */

type Global = 'Headers' | 'Request' | 'Response' | 'fetch'

interface Cover {
  /** As it was, perhaps a getter with which Node loads it. */
  readonly before: PropertyDescriptor
  /** What stands in its place until it is touched. */
  readonly getter?: () => unknown
  readonly replace?: (before: unknown) => unknown
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
  const before = Object.getOwnPropertyDescriptor(globalThis, key)
  if (before === undefined || covers.has(key)) return
  const getter = (): unknown => {
    reveal()
    return globalThis[key]
  }
  covers.set(key, { before, getter, replace: replace as (before: unknown) => unknown })
  Object.defineProperty(globalThis, key, {
    configurable: true,
    enumerable: before.enumerable ?? false,
    get: getter,
    set: (value) => define(key, before, value),
  })
}

/** Replaces a global at once, and keeps what it was before for `uncover`. */
export function substitute<K extends Global>(key: K, value: (typeof globalThis)[K]): void {
  const before = covers.get(key)?.before ?? Object.getOwnPropertyDescriptor(globalThis, key)
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
  const found = [...covers]
  covers.clear()
  const replacements = found.map(([key, { before, getter, replace }]) => {
    const now = Object.getOwnPropertyDescriptor(globalThis, key)
    Object.defineProperty(globalThis, key, before)
    if (replace !== undefined && now?.get === getter)
      return () => define(key, before, replace(globalThis[key]))
    if (now === undefined) return () => Reflect.deleteProperty(globalThis, key)
    return () => Object.defineProperty(globalThis, key, now)
  })
  return () => {
    for (const put of replacements) put()
  }
}

function define(key: Global, { enumerable = false }: PropertyDescriptor, value: unknown): void {
  Object.defineProperty(globalThis, key, { value, enumerable, configurable: true, writable: true })
}
