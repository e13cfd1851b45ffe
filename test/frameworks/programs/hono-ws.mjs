import { serve } from '@hono/node-server'
import { createNodeWebSocket } from '@hono/node-ws'
import { Hono } from 'hono'

const app = new Hono()
const { injectWebSocket, upgradeWebSocket } = createNodeWebSocket({ app })
app.get('/', (c) => c.json({ hello: 'hono' }))
app.get(
  '/chat',
  upgradeWebSocket((c) => ({
    onMessage: (event, socket) => socket.send(`${c.req.query('name')}: ${event.data}`),
  })),
)
injectWebSocket(serve({ fetch: app.fetch, port: 3000 }))
