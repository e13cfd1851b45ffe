// The Express app on node:http, in $WORKERS processes that share a port (node:cluster).
import cluster from 'node:cluster'

if (cluster.isPrimary)
  for (let count = 0; count < Number(process.env.WORKERS); count++) cluster.fork()
else {
  const { default: app } = await import('../apps/express.mjs')
  app.listen(Number(process.env.PORT), '127.0.0.1')
}
