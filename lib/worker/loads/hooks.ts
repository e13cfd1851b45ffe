/**
 * Hooks in Node's loader. `registerHooks` (Node 22.15) sees ES modules and CommonJS on the thread
 * itself; before it, `register` sees ES modules, on a thread of its own, and CommonJS goes through
 * `Module.prototype.load`.
 */

import nodeModule from 'node:module'
import { fileURLToPath } from 'node:url'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import { CODE_FOLDER } from '../../code-folder.ts'
import type { ToldFile } from './resolve-hook.ts'

/** Called with the path of a file before it is read; or after that, with its version of before. */
export type Note = (path: string, version?: string) => void

interface Resolved {
  readonly url: string
}

// Not in the types of Node 20.
type RegisterHooks = (hooks: {
  resolve<C>(specifier: string, context: C, next: (s: string, c: C) => Resolved): Resolved
}) => void

interface LoadableModule {
  load(this: unknown, filename: string): unknown
}

/**
 * Has `note` called for each file that this thread loads from now on.
 *
 * @returns what hands over the files that were noted elsewhere and are still on their way
 */
export async function hookLoader(note: Note): Promise<() => void> {
  const registerHooks: RegisterHooks | undefined = Reflect.get(nodeModule, 'registerHooks')
  if (registerHooks === undefined) {
    hookCommonJs(note)
    return hookEsModules(note)
  }
  registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context)
      if (resolved.url.startsWith('file:')) note(fileURLToPath(resolved.url))
      return resolved
    },
  })
  return () => {}
}

function hookCommonJs(note: Note): void {
  const { prototype } = nodeModule.Module as unknown as { prototype: LoadableModule }
  const { load } = prototype
  prototype.load = function (filename) {
    note(filename)
    return load.call(this, filename)
  }
}

/** Node 20 has `register` from 20.6 on: before, only CommonJS and the app's own file are watched. */
function hookEsModules(note: Note): () => void {
  if (typeof nodeModule.register !== 'function') return () => {}
  const { port1: here, port2: there } = new MessageChannel()
  here.on('message', (told: ToldFile) => note(...told))
  here.unref()
  nodeModule.register(new URL('worker/loads/resolve-hook.js', CODE_FOLDER), {
    data: there,
    transferList: [there],
  })
  return () => {
    for (let next = receiveMessageOnPort(here); next; next = receiveMessageOnPort(here))
      note(...(next.message as ToldFile))
  }
}
