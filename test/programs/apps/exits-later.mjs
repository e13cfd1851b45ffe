// Ends its worker when it is asked to.
import { createServer } from 'node:http'

createServer((req, res) => {
  if (req.url === '/exit') process.exit(0)
  res.end(`alive ${process.pid}`)
}).listen(3000)
process.on('SIGTERM', () => console.log('note: SIGTERM'))
