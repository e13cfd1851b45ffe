import { createServer } from 'node:http'
import { Server } from 'socket.io'

const server = createServer()
const io = new Server(server)
io.on('connection', (socket) => {
  socket.on('hello', (name, answer) => answer(`hello ${name} by ${socket.conn.transport.name}`))
  socket.on('bytes', (bytes, answer) => answer(bytes.length))
  socket.on('drop', () => socket.conn.close())
  socket.conn.on('close', () => console.log('note: gone'))
  socket.on('shout', (text) => io.emit('shouted', text))
})
server.listen(3000)
