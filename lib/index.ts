/** The public face of monodon for code: `serve`, `defineConfig`, and what apps import. */

import { loadPlatform } from './interface/fetch.ts'

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
export { type RunningServer, serve } from './serve.ts'

// Apps that import `Response` may use it at once.
loadPlatform()
