// A WebSocket echo, run by Bun.
Bun.serve({
  port: Number(process.env.PORT),
  hostname: '127.0.0.1',
  fetch: (request, server) =>
    server.upgrade(request) ? undefined : new Response('', { status: 426 }),
  websocket: {
    message: (socket, message) => socket.send(message),
  },
})
