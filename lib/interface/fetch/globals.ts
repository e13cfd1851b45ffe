/**
 * Globals that are replaced once they are touched, so that whoever touches none of them does not pay
 * for what it takes to replace them.
 */

type Global = 'Request' | 'Response' | 'fetch'

interface Cover {
  /** As it was, perhaps a getter with which Node loads it. */
  readonly before: PropertyDescriptor
  readonly replace: (before: unknown) => unknown
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
  covers.set(key, { before, replace: replace as (before: unknown) => unknown })
  Object.defineProperty(globalThis, key, {
    configurable: true,
    enumerable: before.enumerable ?? false,
    get() {
      reveal()
      return globalThis[key]
    },
    set(value) {
      covers.delete(key)
      define(key, before, value)
    },
  })
}

/** Puts the globals back as they were; what it gives puts their replacements into their places. */
export function uncover(): () => void {
  const found = [...covers]
  covers.clear()
  for (const [key, { before }] of found) Object.defineProperty(globalThis, key, before)
  return () => {
    for (const [key, { before, replace }] of found) define(key, before, replace(globalThis[key]))
  }
}

function define(key: Global, { enumerable = false }: PropertyDescriptor, value: unknown): void {
  Object.defineProperty(globalThis, key, { value, enumerable, configurable: true, writable: true })
}
