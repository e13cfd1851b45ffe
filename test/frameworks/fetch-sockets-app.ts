/** WebSockets in fetch frameworks: Hono by its helper, h3 and Elysia by `upgradeWebSocket` itself. */
import { H3 } from 'h3'
import { Hono } from 'hono'
import { upgradeWebSocket, upgradeWebSocketOfHono } from '../support/upgrades.ts'

export const heard: string[] = []

const hono = new Hono()
hono.use('/guarded', async (c, next) => {
  if (c.req.query('key') !== 'right') return c.text('no', 401)
  return next()
})
const echo = upgradeWebSocketOfHono((c) => ({
  onOpen: (_, ws) => ws.send(`welcome to ${c.req.path}`),
  onMessage: (event, ws) => {
    if (event.data === 'bye') ws.close(4000, 'as you say')
    else if (event.data === 'raw') ws.send(String(ws.raw?.readyState === ws.readyState))
    else ws.send(event.data as string | ArrayBuffer)
  },
  onClose: ({ code, reason, wasClean }) => heard.push(`hono ${code} ${reason} ${wasClean}`),
}))
hono.get('/hono', echo)
hono.get('/guarded', echo)
hono.get(
  '/failing',
  upgradeWebSocketOfHono(() => ({
    onMessage: async () => {
      throw new Error('in a promise of Hono')
    },
  })),
)
hono.get('/both', echo, (c) => c.text('no WebSocket'))

const h3 = new H3({ silent: true })
h3.get('/h3', (event) => {
  const { socket, response } = upgradeWebSocket(event.req)
  socket.onmessage = ({ data }) => socket.send(data)
  return response
})

export const app = {
  fetch(request: Request): Response | Promise<Response> {
    return new URL(request.url).pathname.startsWith('/h3') ? h3.fetch(request) : hono.fetch(request)
  },
}
