import { cover, substitute } from './globals.ts'
import { isPlatformLoaded, loadPlatform, platform, standInFor } from './platform.ts'
import { LazyRequest } from './request.ts'
import { FastResponse } from './response.ts'

/**
 * Makes `new Request(request)` and `fetch(request)` take the requests that the fetch interface hands
 * out. Where they do already (Node 20 and 22, whose platform keeps a request's state under a symbol
 * that a lazy request has too) nothing is changed.
 *
 * From Node 24 on the state is a private field: the platform takes a request only if its own
 * constructor made it, which costs more than all the rest of a request's way through TypeScript, or
 * if somebody unwraps the lazy request before. So two globals are wrapped, and all that differs is
 * that they unwrap: `Request` by a proxy with nothing but a `construct` trap, and `fetch`.
 */
export function installRequestUnwrapping(): void {
  if (isPlatformLoaded() && globalThis.Request !== platform().Request) return
  const isNeeded = () => !platformReadsLazyRequests()
  // For whom these two stay as they are, ours have to pass for them all the same.
  cover('Headers', loadPlatform, (original) => original)
  cover('Response', loadPlatform, (original) => original)
  cover('Request', loadPlatform, (original) => (isNeeded() ? unwrapping(original) : original))
  cover('fetch', loadPlatform, (original) =>
    isNeeded()
      ? (input, init) => original(LazyRequest.unwrap(input) as RequestInfo, init)
      : original,
  )
}

function unwrapping(original: typeof Request): typeof Request {
  return new Proxy(original, {
    construct: (target, [input, ...rest], newTarget) =>
      Reflect.construct(target, [LazyRequest.unwrap(input), ...rest], newTarget),
  })
}

/**
 * Makes `globalThis.Response` the fast one, so that frameworks and apps that know nothing of monodon
 * answer with it; the platform's is not loaded for that. Objects of the platform's class stay what they are,
 * and pass `instanceof` as before.
 */
export function installFastResponse(): void {
  substitute('Response', FastResponse)
}

/** Whether the platform takes an object that stands in for its own, as `LazyRequest` does. */
function platformReadsLazyRequests(): boolean {
  class Probe {}
  const { Request } = platform()
  const sample = new Request('http://localhost/', { method: 'PUT' })
  standInFor(Probe, Request, sample, () => sample)
  try {
    return new Request(new Probe() as Request).method === 'PUT'
  } catch {
    return false
  }
}
