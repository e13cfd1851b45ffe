// Exports an app, and listens when it is told to.
import { createServer } from 'node:http'

export default (request) => {
  if (new URL(request.url).pathname === '/listen')
    createServer((_req, res) => res.end('listened')).listen(3000)
  return new Response('exported')
}
