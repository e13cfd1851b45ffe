// Next's production server as `next start` runs it, of the build that the environment names.
import { createRequire } from 'node:module'

process.env.NODE_ENV = 'production'
const { startServer } = createRequire(import.meta.url)('next/dist/server/lib/start-server')
await startServer({ dir: process.env.NEXT_BUILD, isDev: false, hostname: 'localhost', port: 3000 })
