/** Loading an app from `MODULE[:NAME[(ARGUMENTS)]]`, as Gunicorn names apps. */

import { relative } from 'node:path'
import { inspect } from 'node:util'
import { MonodonError } from '../errors.ts'
import { didYouMean } from '../options/names.ts'
import { type Exports, importFile } from './import.ts'
import { locateModule } from './locate.ts'
import { describeSyntaxError } from './syntax-error.ts'

export interface LoadedApp {
  readonly app: unknown
  /** Absolute path of the module. */
  readonly file: string
  /** What was taken from the module, for people: `app`, `default`, `create()`. */
  readonly name: string
}

interface Spec {
  readonly module: string
  readonly name: string | undefined
  /** Of a factory call; `undefined` when it is none. */
  readonly args: readonly unknown[] | undefined
}

/** Methods that an object has which can answer requests: of fetch, Express, Fastify and Koa. */
const APP_METHODS = ['fetch', 'handle', 'routing', 'callback']

/**
 * Loads an app. `app` and `src.app` are files below `cwd`, with any of the usual extensions, or a
 * package; without a name the default export is taken, then `app`; `create("x")` is called with its
 * JSON arguments and awaited. `note` is called as `importFile` says.
 *
 * @throws MonodonError `MONODON_APP_NOT_FOUND`, `MONODON_APP_NOT_LOADED`, `MONODON_APP_SYNTAX`
 */
export async function loadApp(
  spec: string,
  cwd: string,
  note?: (file: string) => void,
): Promise<LoadedApp> {
  const { module, name, args } = parseSpec(spec)
  const file = await locateModule(module, cwd)
  const shown = relative(cwd, file)
  note?.(file)
  const exported = await importApp(file, shown, note)
  const [found, value] = name === undefined ? pickApp(exported, shown) : pick(exported, name, shown)
  if (args === undefined) return { app: await settled(value, shown, found), file, name: found }
  const call = `${found}(${args.map((arg) => JSON.stringify(arg)).join(', ')})`
  if (typeof value !== 'function')
    throw notFound(`${shown}: ${found} is ${kindOf(value)}, which cannot be called`)
  const made = callFactory(() => Reflect.apply(value, undefined, args), shown, call)
  return { app: await settled(made, shown, call), file, name: call }
}

function parseSpec(spec: string): Spec {
  const call = /^(.*?):([^:(]*)\((.*)\)$/s.exec(spec)
  if (call !== null) {
    const [, module = '', name = '', args = ''] = call
    return { module, name: checkedName(name, spec), args: parseArguments(args, spec) }
  }
  const colon = spec.lastIndexOf(':')
  const rest = spec.slice(colon + 1)
  // The colon of a Windows drive is followed by a path.
  if (colon <= 0 || /[\\/]/.test(rest)) return { module: spec, name: undefined, args: undefined }
  return { module: spec.slice(0, colon), name: checkedName(rest, spec), args: undefined }
}

function checkedName(name: string, spec: string): string {
  if (/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name)) return name
  throw notFound(`in ${spec}, ${JSON.stringify(name)} is not the name of an export`)
}

function parseArguments(text: string, spec: string): readonly unknown[] {
  try {
    return JSON.parse(`[${text}]`)
  } catch {
    throw notFound(`in ${spec}, the arguments must be JSON, for example create("production", 2)`)
  }
}

async function importApp(
  file: string,
  shown: string,
  note: ((file: string) => void) | undefined,
): Promise<Exports> {
  try {
    return await importFile(file, note)
  } catch (error) {
    const syntax = await describeSyntaxError(error, file)
    if (syntax !== undefined) throw new MonodonError('MONODON_APP_SYNTAX', { detail: syntax })
    throw notLoaded(shown, error)
  }
}

/** The default export, or else `app`, whichever can answer requests. */
function pickApp(exported: Exports, shown: string): [name: string, value: unknown] {
  for (const name of ['default', 'app']) {
    const value = lookUp(exported, name)
    if (isAppLike(value)) return [name, value]
  }
  throw notFound(
    `${shown} has no default export or export "app" that is a function or has a method ${APP_METHODS.join(', ')}; ${inventory(exported)}`,
  )
}

function pick(exported: Exports, name: string, shown: string): [name: string, value: unknown] {
  const value = lookUp(exported, name)
  if (value !== undefined && value !== null) return [name, value]
  const names = namesOf(exported)
  const found = names.includes(name)
    ? `its export "${name}" is ${kindOf(value)}`
    : `no export "${name}"`
  throw notFound(`${shown} has ${found}; ${inventory(exported)}${didYouMean(name, names)}`)
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

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

/** A promise may become an app. */
function isAppLike(value: unknown): boolean {
  if (typeof value === 'function' || value instanceof Promise) return true
  return (
    isObject(value) && APP_METHODS.some((name) => typeof Reflect.get(value, name) === 'function')
  )
}

function callFactory(factory: () => unknown, shown: string, call: string): unknown {
  try {
    return factory()
  } catch (error) {
    throw notLoaded(`${shown}:${call}`, error)
  }
}

async function settled(value: unknown, shown: string, name: string): Promise<unknown> {
  // An app may have a method called `then` only if it is a promise.
  const app = await Promise.resolve(value).catch((error: unknown) => {
    throw notLoaded(`${shown}:${name}`, error)
  })
  if (isObject(app)) return app
  throw notFound(`${shown}: ${name} gives ${kindOf(app)} instead of a function or an object`)
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

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value !== 'object') return typeof value === 'function' ? 'function' : inspect(value)
  const name: unknown = Reflect.get(value, 'constructor')?.name
  return typeof name === 'string' && name !== 'Object' ? `object ${name}` : 'object'
}

function notFound(detail: string): MonodonError {
  return new MonodonError('MONODON_APP_NOT_FOUND', { detail })
}

function notLoaded(shown: string, cause: unknown): MonodonError {
  const message = cause instanceof Error ? `${cause.name}: ${cause.message}` : inspect(cause)
  return new MonodonError('MONODON_APP_NOT_LOADED', {
    detail: `${shown}: ${message.split('\n', 1)[0]}`,
    cause: cause ?? message,
  })
}
