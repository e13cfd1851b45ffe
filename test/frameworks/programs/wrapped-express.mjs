// A server around the app, as for health checks and WebSockets.
import { createServer } from 'node:http'
import express from 'express'

const app = express()
app.use(express.json())
app.get('/', (_req, res) => res.json({ hello: 'wrapped express' }))
app.post('/', (req, res) => res.json({ sent: req.body }))
const server = createServer((req, res) => {
  if (req.url === '/health') res.end('healthy')
  else app(req, res)
})
server.listen(3000)
