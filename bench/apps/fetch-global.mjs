import { handlerOf } from './fetch-handler.mjs'

export default { fetch: handlerOf(globalThis.Response) }
