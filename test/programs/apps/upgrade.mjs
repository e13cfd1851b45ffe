// A protocol of its own: says back what it hears in upper case, or does what the path asks for.
import { createServer } from 'node:http'

const note = (text) => console.log(`note: ${text}`)
const ACCEPTED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: upper\r\n\r\n'
const FORBIDDEN = 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n'

let readLater
const server = createServer((req, res) => {
  if (req.url === '/read') readLater.resume()
  if (req.url === '/close') server.close(() => note('server closed'))
  res.end(req.url === '/close' ? 'closing' : 'a request')
})

const UPGRADES = {
  '/throw'() {
    throw new RangeError('in the listener')
  },
  '/refuse'(socket) {
    socket.end(FORBIDDEN)
  },
  '/destroy'(socket) {
    socket.write(FORBIDDEN)
    socket.destroy()
  },
  '/flood'(socket) {
    const flood = Buffer.alloc(1_000_000, 'f')
    let left = 50
    const write = () => {
      while (left > 0) {
        left--
        if (!socket.write(flood)) return
      }
      socket.end()
    }
    socket.on('drain', write)
    write()
    setInterval(() => note(`waiting ${socket.writableLength}`), 20).unref()
  },
  '/read-later'(socket) {
    readLater = socket
    socket.pause()
    socket.on('end', () => socket.end(`read ${socket.bytesRead}`))
  },
  '/'(socket) {
    socket.on('error', (error) => note(`error ${error.code}`))
    socket.on('close', () => note(`close ${socket.bytesRead}`))
    socket.write(ACCEPTED)
    socket.setEncoding('utf8')
    socket.on('data', (text) => {
      if (text === 'cut') server.closeAllConnections()
      else socket.write(text.toUpperCase())
    })
    socket.on('end', () => socket.end('BYE'))
  },
}
server.on('upgrade', (req, socket) => UPGRADES[req.url](socket))
server.listen(3000)
