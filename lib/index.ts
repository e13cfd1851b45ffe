/** The public face of monodon for code: `serve`, `defineConfig`, and what apps import. */

import { preparePlatform } from './interface/fetch.ts'
import type { Config } from './options/table.ts'
import type { RunningServer } from './serve.ts'

export type { RequestMessage } from './bridge/diagnostics.ts'
export type { ClientCertificate, TlsFacts } from './bridge/exchange.ts'
export type { NativeStats as ServerStats } from './bridge/native.ts'
export type { BoundAddress as ServerAddress } from './control/listen/binds.ts'
export { type Blame, type ErrorCode, MonodonError } from './errors.ts'
export {
  FastResponse as Response,
  type FetchApp,
  type FetchHandler,
  type FetchInfo,
  type ServerWebSocket,
  type SocketCloseEvent,
  type UpgradeOptions,
  upgradeWebSocket,
  type WebSocketUpgrade,
} from './interface/fetch.ts'
export type { NodeApp, NodeListener } from './interface/node.ts'
export {
  type Chunk,
  type Environ,
  type ErrorStream,
  type FileWrapper,
  type InputStream,
  type StartResponse,
  validate,
  type WSGIApplication,
  type WSGIBody,
} from './interface/wsgi.ts'
export { type Config, defineConfig, type Options } from './options/table.ts'
export type { RunningServer } from './serve.ts'

/**
 * Serves an app until `close()` is called.
 *
 * An app given as a value runs on the calling thread; it may be an `http.Server` that does not listen. One given as `'module:name'` runs in `workers`
 * threads or processes (default 1), as on the command line, also a Python app; the module is looked
 * for from the current folder. Options are those of the command line in camelCase; neither the
 * environment nor a config file is read.
 *
 * @throws MonodonError for a wrong option or a busy address; BootFailure when the app cannot be loaded
 */
export async function serve(app: unknown, config: Config = {}): Promise<RunningServer> {
  // Most who import the package are apps in workers, which need nothing of a server.
  const server = await import('./serve.ts')
  return server.serve(app, config)
}

// Apps that import `Response` may use it at once.
preparePlatform()
