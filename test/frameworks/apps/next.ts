import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { noteEvents } from '../support/app-parts.ts'
import { nextBuild } from '../support/next-build.ts'
import type { MadeApp, Note } from '../support/sides.ts'

interface Next {
  prepare(): Promise<void>
  getRequestHandler(): RequestListener
  close(): Promise<void>
}

// Not imported: its types make NODE_ENV obligatory wherever an environment is made.
const next: (options: { dev: boolean; dir: string; quiet: boolean }) => Next = createRequire(
  import.meta.url,
)('next')

/** A production build of Next behind a custom server, as its guide shows one. */
export async function createApp(note: Note): Promise<MadeApp> {
  const app = next({ dev: false, dir: nextBuild(), quiet: true })
  await app.prepare()
  const handle = app.getRequestHandler()
  const listener = (req: IncomingMessage, res: ServerResponse): unknown => {
    // Handlers of Next cannot be given anything from here.
    Object.assign(globalThis, { noteForNext: note })
    if (req.url === '/api/events') noteEvents(note, 'events', { req, res })
    return handle(req, res)
  }
  return { app: listener, close: () => app.close() }
}
