// Serves an app's fetch with what people use today on node:http, in a process of its own:
//
//     fetch-reference-server.mjs FILE PACKAGE
import { createServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { createJiti } from 'jiti'
import { toNodeHandler } from 'srvx/node'

const [file, reference] = process.argv.slice(2)

// The platform closes the stream that it makes of an async iterable once more if it was cancelled
// meanwhile, which is an exception that nobody can catch.
process.on('uncaughtException', (error) => {
  if (error.code !== 'ERR_INVALID_STATE') throw error
})

const { app } = await createJiti(import.meta.url).import(file)
const fetch = (request) => app.fetch(request)
const listener = {
  // With the platform's own Request and Response as globals.
  '@hono/node-server': () =>
    getRequestListener((request, env) => app.fetch(request, env), { overrideGlobalObjects: false }),
  srvx: () => toNodeHandler(fetch),
}[reference]()

const server = createServer(listener).listen(0, '127.0.0.1', () => {
  process.send(server.address().port)
})
process.on('disconnect', () => process.exit())
