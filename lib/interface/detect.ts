import { Server } from 'node:http'
import { MonodonError } from '../errors.ts'
import { describe, isClass } from './describe.ts'

/** How an app is called. */
export type InterfaceKind = 'fetch' | 'wsgi' | 'node'

/** An interface, and what of the app spoke for it. */
export interface Detection {
  readonly kind: InterfaceKind
  readonly reason: string
}

/** Methods by which the frameworks for Node are known. */
const NODE_METHODS = [
  ['handle', 'Express, Connect'],
  ['routing', 'Fastify'],
  ['callback', 'Koa'],
] as const

/**
 * Chooses the interface for an app: by what it has, else by how many parameters it declares.
 *
 * @throws MonodonError `MONODON_APP_UNKNOWN` when nothing fits; it names what was found
 */
export function detectInterface(app: unknown): Detection {
  if (app instanceof Server) return { kind: 'node', reason: 'it is an http.Server' }
  if (hasMethod(app, 'fetch')) return { kind: 'fetch', reason: 'it has a method fetch' }
  for (const [method, frameworks] of NODE_METHODS)
    if (hasMethod(app, method))
      return { kind: 'node', reason: `it has a method ${method}, as ${frameworks} have` }
  if (typeof app !== 'function' || isClass(app))
    throw new MonodonError('MONODON_APP_UNKNOWN', { detail: `it is ${describe(app)}` })
  return byParameters(app.length)
}

function byParameters(count: number): Detection {
  // Only fetch can answer without its parameters, by what it returns.
  if (count === 0) return { kind: 'fetch', reason: 'it is a function without parameters' }
  if (count === 1) return { kind: 'fetch', reason: 'it is a function of 1 parameter' }
  const reason = `it is a function of ${count} parameters`
  if (count > 2) return { kind: 'node', reason }
  return {
    kind: 'wsgi',
    reason: `${reason}, taken for (environ, startResponse); (req, res) needs --interface node, (request, info) --interface fetch`,
  }
}

function hasMethod(app: unknown, name: string): boolean {
  const mayHave = (typeof app === 'object' && app !== null) || typeof app === 'function'
  return mayHave && typeof Reflect.get(app, name) === 'function'
}
