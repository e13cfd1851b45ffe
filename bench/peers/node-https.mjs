import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { app } from '../apps/node.mjs'

const { CERTFILE, KEYFILE, PORT } = process.env
createServer({ cert: readFileSync(CERTFILE), key: readFileSync(KEYFILE) }, app).listen(
  Number(PORT),
  '127.0.0.1',
)
