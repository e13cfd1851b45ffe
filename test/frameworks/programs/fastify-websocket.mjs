import websocket from '@fastify/websocket'
import Fastify from 'fastify'

const app = Fastify()
await app.register(websocket)
app.get('/', async () => ({ hello: 'fastify' }))
app.get('/chat', { websocket: true }, (socket, req) => {
  socket.on('message', (data) => socket.send(`${req.query.name}: ${data}`))
})
await app.listen({ port: 3000 })
