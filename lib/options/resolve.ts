/**
 * One function makes options of what was given, for the command, for `serve()` and for tests.
 * Later places win: default, then what the platform sets (`PORT`, `WEB_CONCURRENCY`), then the
 * config file, then what `monodon dev` sets, then `MONODON_*`, then flags or the argument of `serve()`.
 */

import { availableParallelism } from 'node:os'
import { inspect } from 'node:util'
import { MonodonError } from '../errors.ts'
import type { Given, Layer } from './args.ts'
import { didYouMean, envName, kebab } from './names.ts'
import {
  type Config,
  DEV_OPTIONS,
  OPTION_KEYS,
  type OptionKey,
  type Options,
  rowOf,
} from './table.ts'
import { BadValue, parseValue, type Value } from './values.ts'
import { OTHER_VARIABLES } from './variables.ts'

export type Env = Readonly<Record<string, string | undefined>>

/** A config file that was found and read. */
export interface ConfigFile {
  readonly path: string
  readonly values: unknown
}

export interface Sources {
  /** From `readArgs`. */
  readonly flags?: Layer
  /** For development: `DEV_OPTIONS` count for more than the config file, which is for production. */
  readonly isDev?: boolean | undefined
  /** The argument of `serve()`. */
  readonly given?: Config
  /** Nothing is read from the process itself: without it no variable counts. */
  readonly env?: Env
  /** Reads the file at `path`; without a path, the one that lies in its usual place, if any. */
  readonly loadFile?: (path: string | undefined) => Promise<ConfigFile | undefined>
  /** Cores of the machine, for `auto`. */
  readonly cores?: number
}

export interface Resolved {
  readonly options: Options
  /** Where each value came from, for people: `default`, `--workers`, `MONODON_WORKERS`, a file. */
  readonly origins: Readonly<Record<OptionKey, string>>
}

/** Variables that Kubernetes sets in every container for a service whose name begins with monodon. */
const KUBERNETES_LINK = /_(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)\w*)?)$/

/**
 * @throws MonodonError `MONODON_UNKNOWN_OPTION`, `MONODON_BAD_OPTION`, `MONODON_CONFIG_FILE`
 */
export async function resolve(sources: Sources): Promise<Resolved> {
  const flags: Layer = sources.flags ?? new Map()
  const given = objectLayer(sources.given ?? {}, (key) => `serve() option ${key}`)
  const env = sources.env ?? {}
  const variables = envLayer(env)
  const layers = [given, flags, variables]
  if (sources.isDev) layers.push(objectLayer(DEV_OPTIONS, () => 'monodon dev'))
  const path = pick('config', layers, 1)
  const file = await sources.loadFile?.(path.value === '' ? undefined : String(path.value))
  if (file !== undefined) layers.push(fileLayer(file))
  layers.push(platformLayer(env))

  const cores = sources.cores ?? availableParallelism()
  const options: Partial<Record<OptionKey, Value>> = {}
  const origins: Partial<Record<OptionKey, string>> = {}
  for (const key of OPTION_KEYS) {
    const picked = pick(key, layers, cores)
    options[key] = picked.value
    origins[key] = picked.origin
  }
  // `config` is known by where the file was found, also when nobody named it.
  if (file !== undefined) options.config = file.path
  // Each value was checked against its row, from which `Options` is derived.
  return { options: options as Options, origins: origins as Record<OptionKey, string> }
}

/** The value of an option from the first layer that has it. */
function pick(key: OptionKey, layers: readonly Layer[], cores: number) {
  for (const layer of layers) {
    const given = layer.get(key)
    if (given !== undefined) return { value: checked(key, given, cores), origin: given.origin }
  }
  const row = rowOf(key)
  // An unset path is '', which nobody can give.
  const value = row.type === 'string' ? row.default : parseValue(row, row.default, cores)
  return { value, origin: 'default' }
}

function checked(key: OptionKey, { raw, origin }: Given, cores: number): Value {
  try {
    return parseValue(rowOf(key), raw, cores)
  } catch (error) {
    if (!(error instanceof BadValue)) throw error
    // A flag that may be given several times, and was given once, is shown as it was given.
    const given = Array.isArray(raw) && raw.length === 1 ? raw[0] : raw
    // Logs of a start are read by more people than know the secret, which is often right but for a space.
    const shown = rowOf(key).secret ? '***' : inspect(given, { depth: 1, breakLength: Infinity })
    throw new MonodonError('MONODON_BAD_OPTION', {
      detail: `${origin} is ${shown}; allowed: ${error.allowed}`,
    })
  }
}

/** `MONODON_*`. A variable that is set to nothing counts as not set. */
function envLayer(env: Env): Layer {
  const keys = new Map(OPTION_KEYS.map((key) => [envName(key), key]))
  const layer = new Map<OptionKey, Given>()
  for (const [name, raw] of Object.entries(env)) {
    if (!name.startsWith('MONODON_') || raw === undefined || raw === '') continue
    const key = keys.get(name)
    if (key !== undefined) layer.set(key, { raw, origin: name })
    else if (!OTHER_VARIABLES.includes(name) && !KUBERNETES_LINK.test(name))
      throw unknown(name, [...keys.keys()])
  }
  return layer
}

/** What platforms tell every server: it replaces the default, so anything else wins over it. */
function platformLayer(env: Env): Layer {
  const layer = new Map<OptionKey, Given>()
  for (const key of OPTION_KEYS) {
    const name = rowOf(key).otherEnv
    const text = name === undefined ? undefined : env[name]
    if (name === undefined || text === undefined || text === '') continue
    layer.set(key, { raw: key === 'bind' ? `0.0.0.0:${text}` : text, origin: name })
  }
  return layer
}

function fileLayer(file: ConfigFile): Layer {
  const { path, values } = file
  if (typeof values !== 'object' || values === null || Array.isArray(values))
    throw new MonodonError('MONODON_CONFIG_FILE', {
      detail: `${path} gives ${inspect(values, { depth: 0 })} instead of an object with options`,
    })
  return objectLayer(values, (key) => `${key} in ${path}`)
}

/** Options as an object. `keepAlive` and, as is usual in TOML, `keep-alive` are the same name. */
function objectLayer(values: object, originOf: (key: string) => string): Layer {
  const keys = new Map<string, OptionKey>()
  for (const key of OPTION_KEYS) {
    if (key !== 'config') keys.set(key, key).set(kebab(key), key)
  }
  const layer = new Map<OptionKey, Given>()
  for (const [name, raw] of Object.entries(values)) {
    const key = keys.get(name)
    if (key === undefined) throw unknown(name, OPTION_KEYS.filter(isFileKey), originOf(name))
    if (raw === undefined) continue
    const before = layer.get(key)
    if (before !== undefined)
      throw new MonodonError('MONODON_BAD_OPTION', {
        detail: `${originOf(name)} is the same as ${before.origin}: keep one`,
      })
    layer.set(key, { raw, origin: originOf(name) })
  }
  return layer
}

function isFileKey(key: OptionKey): boolean {
  return key !== 'config'
}

function unknown(name: string, candidates: readonly string[], origin = name): MonodonError {
  const detail = `${origin}${didYouMean(name, candidates)}`
  return new MonodonError('MONODON_UNKNOWN_OPTION', { detail })
}
