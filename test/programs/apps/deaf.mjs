// Nobody listens for its requests, as where only WebSockets are served.
import { createServer } from 'node:http'

createServer().listen(3000)
