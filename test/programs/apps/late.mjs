// Awaits something before it listens, after its import has ended.
import { createServer } from 'node:http'
import { setTimeout } from 'node:timers/promises'

async function start() {
  await setTimeout(50)
  createServer((_req, res) => res.end('late')).listen(3000)
}
start()
