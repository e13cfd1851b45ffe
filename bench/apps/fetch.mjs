import { Response } from 'monodon'
import { handlerOf } from './fetch-handler.mjs'

export default { fetch: handlerOf(Response) }
