/** Runs on the thread of Node's loader hooks (`module.register`): says which files are loaded. */

import { fileURLToPath } from 'node:url'
import type { MessagePort } from 'node:worker_threads'
import { fileVersion } from '../../file-version.ts'

/** A file that is about to be read: its path and its version. */
export type ToldFile = [path: string, version: string]

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
  if (resolved.url.startsWith('file:')) tell(fileURLToPath(resolved.url))
  return resolved
}

/** With its version of before it is read: when this is heard of, the file may have changed. */
function tell(path: string): void {
  const told: ToldFile = [path, fileVersion(path)]
  port?.postMessage(told)
}
