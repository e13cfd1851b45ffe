// Passes everything on to the server that the environment names, WebSockets included.
import { createServer } from 'node:http'
import { createProxyMiddleware } from 'http-proxy-middleware'

const proxy = createProxyMiddleware({ target: process.env.TARGET, ws: true })
const server = createServer((req, res) => proxy(req, res))
server.on('upgrade', proxy.upgrade)
server.listen(3000)
