import { createServer } from 'node:https'

createServer({}, (_req, res) => res.end()).listen(443)
setInterval(() => {}, 1000)
