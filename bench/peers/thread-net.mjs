// The least that answers from a thread of its own, as an app's worker does: what of a cold start is Node's.
import { createServer } from 'node:net'
import { isMainThread, Worker } from 'node:worker_threads'

const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, World!'

if (isMainThread) new Worker(new URL(import.meta.url))
else createServer((socket) => socket.end(ANSWER)).listen(Number(process.env.PORT), '127.0.0.1')
