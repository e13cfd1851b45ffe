/** A chat room: a page, and a WebSocket that passes each message on to everybody in the room. */
import { readFileSync } from 'node:fs'
import { type ServerWebSocket, upgradeWebSocket } from 'monodon'

const page = readFileSync(new URL('page.html', import.meta.url))
const room = new Set<ServerWebSocket>()

function tellAll(text: string): void {
  for (const socket of room) socket.send(text)
}

/** Whoever connects, named in the query. */
function enter(request: Request, name: string): Response {
  const { socket, response } = upgradeWebSocket(request)
  socket.onopen = () => {
    room.add(socket)
    tellAll(`${name} has come; ${room.size} here`)
  }
  socket.onmessage = ({ data }) => {
    if (typeof data === 'string') tellAll(`${name}: ${data}`)
  }
  socket.onclose = () => {
    room.delete(socket)
    tellAll(`${name} has gone`)
  }
  return response
}

export default function chat(request: Request): Response {
  const { pathname, searchParams, host } = new URL(request.url)
  if (pathname === '/') return new Response(page, { headers: { 'content-type': 'text/html' } })
  if (pathname !== '/chat') return new Response('Not found\n', { status: 404 })
  // Browsers let any page connect: only the own one may.
  const origin = request.headers.get('origin')
  if (origin !== null && !origin.endsWith(`//${host}`))
    return new Response('Another site\n', { status: 403 })
  return enter(request, searchParams.get('name') || 'somebody')
}
