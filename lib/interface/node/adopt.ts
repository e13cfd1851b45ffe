import { IncomingMessage, ServerResponse } from 'node:http'
import { NodeRequest, type RequestClass, requestClass } from './request.ts'
import { NodeResponse, type ResponseClass, responseClass } from './response.ts'
import { kDisconnected, kExchange } from './state.ts'

const platformSetPrototypeOf = Object.setPrototypeOf

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

/** Classes whose objects have the prototypes already that an adopted app would put under them. */
export function classesFor(app: object): { Request: RequestClass; Response: ResponseClass } {
  const { request, response } = app as { request?: unknown; response?: unknown }
  return {
    Request: requestClass(request instanceof NodeRequest ? request : NodeRequest.prototype),
    Response: responseClass(response instanceof NodeResponse ? response : NodeResponse.prototype),
  }
}

/**
 * Does the same for apps of Express that are a part of another: called by a listener, mounted by
 * Fastify. They are known when they first put a prototype under a request, so `Object.setPrototypeOf`
 * is wrapped; for any other object it does what it did.
 */
export function adoptWhereReparented(): void {
  if (Object.setPrototypeOf !== platformSetPrototypeOf) return
  Object.setPrototypeOf = function setPrototypeOf<T>(target: T, prototype: object | null): T {
    const isOurs = (target as Partial<NodeRequest> | null | undefined)?.[kExchange] !== undefined
    if (isOurs && (prototype as Partial<NodeRequest> | null)?.[kDisconnected] === undefined)
      adoptPrototypes(
        target instanceof IncomingMessage ? { request: prototype } : { response: prototype },
      )
    return platformSetPrototypeOf(target, prototype)
  }
}

/** Puts `ours` between `object` and `base`; what lies between them is copied, for others use it. */
function insert(object: object, base: object, ours: object): void {
  const parent: object | null = Object.getPrototypeOf(object)
  if (parent === null || !Object.prototype.isPrototypeOf.call(base, object)) return
  if (parent === ours || Object.prototype.isPrototypeOf.call(ours, parent)) return
  if (parent === base) {
    platformSetPrototypeOf(object, ours)
    return
  }
  const copy = Object.create(
    Object.getPrototypeOf(parent),
    Object.getOwnPropertyDescriptors(parent),
  )
  insert(copy, base, ours)
  platformSetPrototypeOf(object, copy)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
