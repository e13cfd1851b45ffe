/** What a module exports, and which of it is the app. */

import { Server } from 'node:http'
import { inspect } from 'node:util'
import { MonodonError } from '../errors.ts'
import { didYouMean } from '../options/names.ts'
import type { Exports } from './import.ts'

/** Something that a module exports, by the name it was found under: `app`, `default`. */
export type Named = readonly [name: string, value: unknown]

/** Methods that an object has which can answer requests: of fetch, Express, Fastify and Koa. */
const APP_METHODS = ['fetch', 'handle', 'routing', 'callback']

/** The default export, or else `app`, whichever can answer requests. */
export function findApp(exported: Exports): Named | undefined {
  return ['default', 'app']
    .map((name): Named => [name, lookUp(exported, name)])
    .find(([, value]) => isAppLike(value))
}

/**
 * The export of this name.
 *
 * @param shown the module, for people
 * @throws MonodonError `MONODON_APP_NOT_FOUND` with what is there instead
 */
export function pickExport(exported: Exports, name: string, shown: string): Named {
  const value = lookUp(exported, name)
  if (value !== undefined && value !== null) return [name, value]
  const names = namesOf(exported)
  const found = names.includes(name)
    ? `its export "${name}" is ${kindOf(value)}`
    : `no export "${name}"`
  throw new MonodonError('MONODON_APP_NOT_FOUND', {
    detail: `${shown} has ${found}; ${inventory(exported)}${didYouMean(name, names)}`,
  })
}

/** Why there is no app among the exports: `app.ts has no default export ...; it exports: ...`. */
export function noAppIn(exported: Exports, shown: string): string {
  return `${shown} has no default export or export "app" that is a function or has a method ${APP_METHODS.join(', ')}; ${inventory(exported)}`
}

export function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

/** A value for people: `function`, `object Koa`, `5`. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value !== 'object') return typeof value === 'function' ? 'function' : inspect(value)
  const name: unknown = Reflect.get(value, 'constructor')?.name
  return typeof name === 'string' && name !== 'Object' ? `object ${name}` : 'object'
}

/**
 * An export by name. A CommonJS module is a default export as Node sees it, and its names may be
 * properties of that; compiled ones carry another `default` inside.
 */
function lookUp(exported: Exports, name: string): unknown {
  if (name === 'default') return unwrapped(exported.default)
  if (Object.hasOwn(exported, name)) return exported[name]
  const inner = exported.default
  return isObject(inner) && Object.hasOwn(inner, name) ? Reflect.get(inner, name) : undefined
}

function unwrapped(value: unknown): unknown {
  let inner = value
  for (let depth = 0; depth < 3; depth++) {
    if (!isObject(inner) || isAppLike(inner) || !Object.hasOwn(inner, 'default')) break
    inner = Reflect.get(inner, 'default')
  }
  return inner
}

/** A promise may become an app. */
function isAppLike(value: unknown): boolean {
  if (typeof value === 'function' || value instanceof Promise || value instanceof Server)
    return true
  return (
    isObject(value) && APP_METHODS.some((name) => typeof Reflect.get(value, name) === 'function')
  )
}

/** `it exports: app (function), default (object)`. */
function inventory(exported: Exports): string {
  const names = namesOf(exported)
  if (names.length === 0) return 'it exports nothing'
  return `it exports: ${names.map((name) => `${name} (${kindOf(lookUp(exported, name))})`).join(', ')}`
}

function namesOf(exported: Exports): string[] {
  const inner = exported.default
  const innerNames = isObject(inner) && !isAppLike(inner) ? Object.keys(inner) : []
  const names = new Set([...Object.keys(exported), ...innerNames])
  // Node's own names for what a CommonJS module is.
  return [...names].filter((name) => name !== '__esModule' && name !== 'module.exports')
}
