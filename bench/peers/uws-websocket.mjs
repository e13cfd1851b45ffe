// A WebSocket echo. Argument: the module of uWebSockets.js.
const { default: uWS } = await import(process.argv[2])

uWS
  .App()
  .ws('/*', {
    idleTimeout: 30,
    message: (socket, message, isBinary) => socket.send(message, isBinary),
  })
  .listen('127.0.0.1', Number(process.env.PORT), (socket) => {
    if (!socket) process.exit(1)
  })
