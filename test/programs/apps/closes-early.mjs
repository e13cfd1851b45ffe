// Exports an app; its server closes before anybody could have asked it something.
import { once } from 'node:events'
import { createServer } from 'node:http'

export const app = () => new Response('exported')
const server = createServer().listen(3000)
await once(server, 'listening')
server.close(() => console.log('note: closed'))
