import { createServer } from 'node:http'

createServer((_req, res) => res.end()).listen(3000)
throw new RangeError('after it has listened')
