/** Runs on the thread of Node's loader hooks (`module.register`): says which URLs are loaded. */

import type { MessagePort } from 'node:worker_threads'

interface Resolved {
  readonly url: string
}

let port: MessagePort | undefined

/** Called by Node with the `data` of `register`. */
export function initialize(data: MessagePort): void {
  port = data
}

/** Called by Node for each `import`. */
export async function resolve<Context>(
  specifier: string,
  context: Context,
  next: (specifier: string, context: Context) => Promise<Resolved>,
): Promise<Resolved> {
  const resolved = await next(specifier, context)
  port?.postMessage(resolved.url)
  return resolved
}
