import { fork, isPrimary } from 'node:cluster'
import { createServer } from 'node:http'

if (isPrimary) fork()
else createServer().listen(3000)
