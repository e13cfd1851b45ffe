import { cover } from './globals.ts'
import { isPlatformLoaded, loadPlatform, PlatformRequest, standInFor } from './platform.ts'
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
  if (isPlatformLoaded() && globalThis.Request !== PlatformRequest) return
  const isNeeded = () => !platformReadsLazyRequests()
  cover('Request', loadPlatform, (platform) => (isNeeded() ? unwrapping(platform) : platform))
  cover('fetch', loadPlatform, (platform) =>
    isNeeded()
      ? (input, init) => platform(LazyRequest.unwrap(input) as RequestInfo, init)
      : platform,
  )
}

function unwrapping(platform: typeof Request): typeof Request {
  return new Proxy(platform, {
    construct: (target, [input, ...rest], newTarget) =>
      Reflect.construct(target, [LazyRequest.unwrap(input), ...rest], newTarget),
  })
}

/**
 * Makes `globalThis.Response` the fast one, so that frameworks and apps that know nothing of monodon
 * answer with it. Objects of the platform's class stay what they are, and pass `instanceof` as before.
 */
export function installFastResponse(): void {
  cover('Response', loadPlatform, () => FastResponse)
}

/** Whether the platform takes an object that stands in for its own, as `LazyRequest` does. */
function platformReadsLazyRequests(): boolean {
  class Probe {}
  const sample = new PlatformRequest('http://localhost/', { method: 'PUT' })
  standInFor(Probe, PlatformRequest, sample, () => sample)
  try {
    return new PlatformRequest(new Probe() as Request).method === 'PUT'
  } catch {
    return false
  }
}
