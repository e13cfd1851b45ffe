import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import type { Handle } from './interface.ts'

/** Nobody is told of the end of a request's resource: to find it out costs more than the resource. */
const UNTRACKED = { requireManualDestroy: true } as const

/**
 * Runs each call in an async context of its own, as `node:http` runs its listeners: what an app
 * enters (`AsyncLocalStorage.enterWith`) is not there for the requests that are called after it.
 */
export function isolate(handle: Handle): Handle {
  if (scopesAreFrames()) {
    const scope = newScope()
    return (exchange) => {
      // One that is used again has the context of its own beginning.
      const own = exchange.hasContext ? newScope() : scope
      own.runInAsyncScope(handle, undefined, exchange)
    }
  }
  return (exchange) => newScope().runInAsyncScope(handle, undefined, exchange)
}

function newScope(): AsyncResource {
  return new AsyncResource('MonodonRequest', UNTRACKED)
}

/**
 * Whether a scope forgets what was entered in it, as it does from Node 24 on. Before that the store
 * is a property of the resource, and one that is used again would remember it.
 */
function scopesAreFrames(): boolean {
  const storage = new AsyncLocalStorage<true>()
  const scope = newScope()
  scope.runInAsyncScope(() => storage.enterWith(true))
  const remembered = scope.runInAsyncScope(() => storage.getStore())
  storage.disable()
  return remembered === undefined
}
