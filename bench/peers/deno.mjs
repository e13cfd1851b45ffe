// Run by Deno.
import { handlerOf } from '../apps/fetch-handler.mjs'

Deno.serve(
  { port: Number(Deno.env.get('PORT')), hostname: '127.0.0.1', onListen() {} },
  handlerOf(Response),
)
