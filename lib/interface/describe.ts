/** What a value is, for the text of an error: `undefined`, `a string`, `an object with a, b`. */
export function describe(value: unknown): string {
  if (value === undefined || value === null) return String(value)
  if (typeof value === 'function') return describeFunction(value)
  if (typeof value !== 'object') return `a ${typeof value}`
  if (Array.isArray(value)) return 'an array'
  if (value instanceof Promise) return 'a promise'
  const name: unknown = Reflect.get(value, 'constructor')?.name
  if (typeof name === 'string' && name !== '' && name !== 'Object') return `an object of ${name}`
  const keys = Object.keys(value)
  if (keys.length === 0) return 'an object without keys'
  return `an object with ${keys.slice(0, 5).join(', ')}${keys.length > 5 ? ', ...' : ''}`
}

function describeFunction(value: { readonly name: string; readonly length: number }): string {
  const kind = isClass(value) ? 'the class' : 'the function'
  return value.name === '' ? `${kind.replace('the', 'a')} without a name` : `${kind} ${value.name}`
}

/** Whether a function can only be called with `new`. */
export function isClass(value: unknown): boolean {
  return typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value))
}
