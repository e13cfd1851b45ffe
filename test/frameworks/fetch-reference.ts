import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Address } from '../support/client.ts'

/** The packages that serve an app's fetch on `node:http`. */
export type ReferencePackage = '@hono/node-server' | 'srvx'

export interface Reference extends Address {
  close(): Promise<void>
}

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url))

/** Serves the app of a file of this folder in a process of its own. */
export async function startReference(file: string, by: ReferencePackage): Promise<Reference> {
  const child = fork(here('fetch-reference-server.mjs'), [here(file), by])
  const exited = once(child, 'exit')
  const started = once(child, 'message') as Promise<[number]>
  const failed = exited.then(([code]) => {
    throw new Error(`${by} did not start: exit code ${code}`)
  })
  const [port] = await Promise.race([started, failed])
  failed.catch(() => {})
  return {
    host: '127.0.0.1',
    port,
    close: async () => {
      child.disconnect()
      await exited
    },
  }
}
