// Goes to the folder that its argument names before it listens.
import { createServer } from 'node:http'

process.chdir(process.argv[2])
createServer((_req, res) => res.end(process.cwd())).listen(3000)
