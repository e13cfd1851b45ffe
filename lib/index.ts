/** The public face of monodon for code: `serve`, `defineConfig`, and what apps import. */

export type { NativeStats as ServerStats } from './bridge/native.ts'
export { type Blame, type ErrorCode, MonodonError } from './errors.ts'
export { type Config, defineConfig } from './options/table.ts'
export { type RunningServer, serve } from './serve.ts'
