import { createServer } from 'node:http'
import { app } from '../apps/node.mjs'

createServer(app).listen(Number(process.env.PORT), '127.0.0.1')
