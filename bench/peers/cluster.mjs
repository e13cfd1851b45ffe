// The busy app on node:http, in $WORKERS processes that share a port (node:cluster).
import cluster from 'node:cluster'
import { createServer } from 'node:http'
import { app } from '../apps/busy.mjs'

if (cluster.isPrimary)
  for (let count = 0; count < Number(process.env.WORKERS); count++) cluster.fork()
else createServer(app).listen(Number(process.env.PORT), '127.0.0.1')
