// Awaits its own end, at its top level.
import { once } from 'node:events'
import { createServer } from 'node:http'

const server = createServer((_req, res) => res.end('awaits')).listen(3000)
await once(server, 'close')
