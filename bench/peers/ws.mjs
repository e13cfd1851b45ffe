// A WebSocket echo by ws, whose module is in $WS.
import { createServer } from 'node:http'

const { WebSocketServer } = await import(process.env.WS)
const server = createServer()
const sockets = new WebSocketServer({ server })
sockets.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
})
server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
