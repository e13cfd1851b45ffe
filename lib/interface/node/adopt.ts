import { IncomingMessage, ServerResponse } from 'node:http'
import { NodeRequest } from './request.ts'
import { NodeResponse } from './response.ts'

/**
 * Express puts `app.request` and `app.response` under every request and response. They inherit from
 * Node's classes, whose methods look for state that ours do not have: so ours are put in between,
 * once, for this app alone. It can no longer serve `node:http`.
 */
export function adoptPrototypes(app: object): void {
  const { request, response } = app as { request?: unknown; response?: unknown }
  if (isObject(request)) insert(request, IncomingMessage.prototype, NodeRequest.prototype)
  if (isObject(response)) insert(response, ServerResponse.prototype, NodeResponse.prototype)
}

/** Puts `ours` between `object` and `base`; what lies between them is copied, for others use it. */
function insert(object: object, base: object, ours: object): void {
  const parent: object | null = Object.getPrototypeOf(object)
  if (parent === null || !Object.prototype.isPrototypeOf.call(base, object)) return
  if (parent === ours || Object.prototype.isPrototypeOf.call(ours, parent)) return
  if (parent === base) {
    Object.setPrototypeOf(object, ours)
    return
  }
  const copy = Object.create(
    Object.getPrototypeOf(parent),
    Object.getOwnPropertyDescriptors(parent),
  )
  insert(copy, base, ours)
  Object.setPrototypeOf(object, copy)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
