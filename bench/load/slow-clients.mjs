// Clients that hold what they have got, slowly, while another one is measured. Argument: a plan in JSON.
// Prints what the measured one says, and how many of the slow ones the server has not closed by then.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/**
 * @typedef {object} Plan
 * @property {number} port
 * @property {string} tlsPath the Unix socket where the same server speaks TLS
 * @property {number} slow how many there are
 * @property {import('./open-loop.mjs').Plan} measured
 */

/** @type {Plan} */
const { port, tlsPath, slow, measured } = JSON.parse(process.argv[2])

/** A client that sends now and then does so each so many ms: the measured one shares its core. */
const PAUSE = 1_000
const HEAD = 'Host: localhost\r\n'

/** The first message of a good handshake. */
async function clientHello() {
  const below = new Duplex({ read: () => undefined, write: (bytes) => below.emit('sent', bytes) })
  const sent = once(below, 'sent')
  connectTls({ socket: below, servername: 'localhost' }).on('error', () => undefined)
  return (await sent)[0]
}

const hello = await clientHello()
const KINDS = [
  { begin: `GET / HTTP/1.1\r\n${HEAD}X-Slow: `, drip: 'x' },
  { begin: `POST /echo HTTP/1.1\r\n${HEAD}Content-Length: 100000\r\n\r\n`, drip: 'x' },
  { begin: hello.subarray(0, hello.length / 2), isTls: true },
  { begin: hello, isTls: true },
]
/** Few: each has the kernel hold some MB. */
const READER = { begin: `GET /feed HTTP/1.1\r\n${HEAD}\r\n`, reads: false }
const READER_EACH = 20

function open(index) {
  const { begin, drip, isTls, reads } =
    index % READER_EACH === 0 ? READER : KINDS[index % KINDS.length]
  const socket = isTls ? connect(tlsPath) : connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write(begin)
  if (reads === false) socket.pause()
  else socket.resume()
  if (drip !== undefined) {
    const drops = setInterval(() => socket.write(drip), PAUSE)
    socket.once('close', () => clearInterval(drops))
  }
  return new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(socket))
    socket.once('error', reject)
  })
}

const sockets = []
while (sockets.length < slow) {
  const batch = Math.min(50, slow - sockets.length)
  const opened = Array.from({ length: batch }, (_, index) => open(sockets.length + index))
  sockets.push(...(await Promise.all(opened)))
}
const program = fileURLToPath(new URL('open-loop.mjs', import.meta.url))
const { stdout } = await promisify(execFile)(process.execPath, [program, JSON.stringify(measured)])
const held = sockets.filter((socket) => !socket.closed && !socket.readableEnded).length
for (const socket of sockets) socket.destroy()
process.stdout.write(`${JSON.stringify({ held, outcome: JSON.parse(stdout) })}\n`)
