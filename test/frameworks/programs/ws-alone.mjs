// A server that ws makes by itself.
import { WebSocketServer } from 'ws'

const sockets = new WebSocketServer({ port: 3000 })
sockets.on('connection', (socket) => {
  socket.on('message', (data) => socket.send(`alone: ${data}`))
})
