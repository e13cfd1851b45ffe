/** Apps of each interface that send the file `?name=` of the folder in FILES, and tell what they have read of files. */
import fs, { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream'
import express from 'express'

let reads = 0
const { read } = fs
fs.read = (...args) => {
  reads++
  return read(...args)
}

const pathOf = (url) => join(process.env.FILES, url.searchParams.get('name'))

const ROUTES = {
  '/pipe': (path, res) => createReadStream(path).pipe(res),
  '/pipeline': (path, res) => pipeline(createReadStream(path), res, () => undefined),
  '/part': (path, res) => createReadStream(path, { start: 10, end: 39_999 }).pipe(res),
  '/after': (path, res) => {
    res.write('before')
    createReadStream(path).pipe(res)
  },
  // More than goes out at once, so that it waits in this process.
  '/behind': (path, res) => {
    res.write(Buffer.alloc(1_000_000, 'a'))
    createReadStream(path).pipe(res)
  },
  '/reads': (_, res) => res.end(String(reads)),
}

const app = express()
app.get('/express', (req, res) => res.sendFile(pathOf(new URL(req.url, 'http://host'))))
app.use((req, res) => {
  const url = new URL(req.url, 'http://host')
  ROUTES[url.pathname](url.pathname === '/reads' ? '' : pathOf(url), res)
})
export const node = app

export const fetch = {
  fetch: (request) => {
    const url = new URL(request.url)
    if (url.pathname === '/reads') return new Response(String(reads))
    return new Response(createReadStream(pathOf(url)))
  },
}

export const wsgi = async (environ, start) => {
  start('200 OK', [])
  if (environ.PATH_INFO === '/reads') return [String(reads)]
  const url = new URL(environ.RAW_URI, 'http://host')
  return environ['wsgi.file_wrapper'](await open(pathOf(url)))
}
