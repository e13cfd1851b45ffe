// The guard of ES modules before import.meta.main.
import { createServer } from 'node:http'
import { pathToFileURL } from 'node:url'

const answer = (_req, res) => res.end('guarded')
if (import.meta.url === pathToFileURL(process.argv[1]).href) createServer(answer).listen(3000)
