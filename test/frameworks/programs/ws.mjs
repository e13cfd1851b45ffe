// A server of ws beside an HTTP server: echo, broadcast, and closing as the client asks.
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'

const server = createServer((_req, res) => res.end('http'))
const sockets = new WebSocketServer({
  server,
  perMessageDeflate: { threshold: 0 },
  maxPayload: 1_000_000,
  handleProtocols: (protocols) => (protocols.has('chat') ? 'chat' : false),
  verifyClient: ({ req }) => req.url !== '/refused',
})
sockets.on('connection', (socket, req) => {
  socket.on('message', (data, isBinary) => {
    const text = isBinary ? '' : data.toString()
    if (text.startsWith('close ')) socket.close(Number(text.slice(6)), 'as asked')
    else if (text === 'terminate') socket.terminate()
    else if (text === 'who') socket.send(`${req.socket.remoteAddress} ${req.url}`)
    else if (text.startsWith('all '))
      for (const client of sockets.clients) client.send(text.slice(4))
    else socket.send(data, { binary: isBinary })
  })
  socket.on('close', (code) => console.log(`note: closed ${code}`))
  socket.on('error', (error) => console.log(`note: ${error.code}`))
})
server.listen(3000)
