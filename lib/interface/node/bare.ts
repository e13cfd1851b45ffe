/**
 * A base class whose instances inherit from `prototype` although its constructor never runs: so
 * `instanceof` holds and nothing is paid for until a method needs the state, which the subclass then
 * builds (Node's streams read theirs from `_readableState` and `_writableState`).
 */
export function bare<T extends object>(prototype: object): new () => T {
  function Bare(): void {}
  Bare.prototype = prototype
  return Bare as unknown as new () => T
}

/** What a constructor sees of its object. */
export type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }
