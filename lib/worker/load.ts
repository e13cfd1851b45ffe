/** Loading an app from `MODULE[:NAME[(ARGUMENTS)]]`, as Gunicorn names apps. */

import { relative } from 'node:path'
import { inspect } from 'node:util'
import { MonodonError } from '../errors.ts'
import { findApp, isObject, kindOf, type Named, noAppIn, pickExport } from './exports.ts'
import { type Exports, importFile } from './import.ts'
import { locateModule } from './locate.ts'
import { describeSyntaxError } from './syntax-error.ts'

export interface LoadedApp {
  readonly app: unknown
  /** Absolute path of the module. */
  readonly file: string
  /** What was taken from the module, for people: `app`, `default`, `create()`. */
  readonly name: string
  /** Why it is called the way it is, if its value does not tell. */
  readonly reason?: string
}

/** A module that is to be loaded. */
export interface ModuleFile {
  /** Absolute path. */
  readonly path: string
  /** The path for people: relative to the app's folder. */
  readonly shown: string
  /** Called as `importFile` says. */
  readonly note: ((file: string) => void) | undefined
}

/** Loads a module of which no export was named. */
export type LoadWhole = (module: ModuleFile) => Promise<LoadedApp>

export interface LoadOptions {
  /** Called with the file of the app, and as `importFile` says. */
  readonly note?: ((file: string) => void) | undefined
  /** What is taken from a module without a name: by default its default export, or else `app`. */
  readonly loadWhole?: LoadWhole | undefined
}

interface Spec {
  readonly module: string
  readonly name: string | undefined
  /** Of a factory call; `undefined` when it is none. */
  readonly args: readonly unknown[] | undefined
}

/**
 * Loads an app. `app` and `src.app` are files below `cwd`, with any of the usual extensions, or a
 * package; `create("x")` is called with its JSON arguments and awaited.
 *
 * @throws MonodonError `MONODON_APP_NOT_FOUND`, `MONODON_APP_NOT_LOADED`, `MONODON_APP_SYNTAX`
 */
export async function loadApp(
  spec: string,
  cwd: string,
  { note, loadWhole = loadExport }: LoadOptions = {},
): Promise<LoadedApp> {
  const { module, name, args } = parseSpec(spec)
  const path = await locateModule(module, cwd)
  const file: ModuleFile = { path, shown: relative(cwd, path), note }
  note?.(path)
  if (name === undefined) return loadWhole(file)
  const exported = await importApp(file)
  const [found, value] = pickExport(exported, name, file.shown)
  if (args === undefined) return settledApp([found, value], file)
  const call = `${found}(${args.map((arg) => JSON.stringify(arg)).join(', ')})`
  if (typeof value !== 'function')
    throw notFound(`${file.shown}: ${found} is ${kindOf(value)}, which cannot be called`)
  const made = callFactory(() => Reflect.apply(value, undefined, args), file.shown, call)
  return settledApp([call, made], file)
}

/**
 * Imports the module of an app.
 *
 * @throws MonodonError `MONODON_APP_NOT_LOADED`, `MONODON_APP_SYNTAX`
 */
export async function importApp({ path, shown, note }: ModuleFile): Promise<Exports> {
  try {
    return await importFile(path, note)
  } catch (error) {
    const syntax = await describeSyntaxError(error, path)
    if (syntax !== undefined) throw new MonodonError('MONODON_APP_SYNTAX', { detail: syntax })
    throw notLoaded(shown, error)
  }
}

/** An app that may still be a promise of one. */
export async function settledApp([name, value]: Named, file: ModuleFile): Promise<LoadedApp> {
  // An app may have a method called `then` only if it is a promise.
  const app = await Promise.resolve(value).catch((error: unknown) => {
    throw notLoaded(`${file.shown}:${name}`, error)
  })
  if (isObject(app)) return { app, file: file.path, name }
  throw notFound(`${file.shown}: ${name} gives ${kindOf(app)} instead of a function or an object`)
}

async function loadExport(file: ModuleFile): Promise<LoadedApp> {
  const exported = await importApp(file)
  const found = findApp(exported)
  if (found === undefined) throw notFound(noAppIn(exported, file.shown))
  return settledApp(found, file)
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

function callFactory(factory: () => unknown, shown: string, call: string): unknown {
  try {
    return factory()
  } catch (error) {
    throw notLoaded(`${shown}:${call}`, error)
  }
}

function notFound(detail: string): MonodonError {
  return new MonodonError('MONODON_APP_NOT_FOUND', { detail })
}

function notLoaded(shown: string, cause: unknown): MonodonError {
  // What an app is not allowed says itself what to do.
  if (cause instanceof MonodonError) return cause
  const message = cause instanceof Error ? `${cause.name}: ${cause.message}` : inspect(cause)
  return new MonodonError('MONODON_APP_NOT_LOADED', {
    detail: `${shown}: ${message.split('\n', 1)[0]}`,
    cause: cause ?? message,
  })
}
