// The app of the process worker's tests: what it does is in the path.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'

const ROUTES = {
  '/hello': () => new Response('hello'),
  '/pid': () => new Response(`${process.pid} ${process.title}`),
  '/large': () => new Response('x'.repeat(1_000_000)),
  // What a program that the app starts has as descriptor 3.
  '/inherited': () =>
    new Response(execFileSync('sh', ['-c', 'readlink /proc/$$/fd/3 || echo nothing'])),
  '/throw-later': () => {
    setTimeout(() => {
      throw new Error('thrown out of the handlers')
    })
    return new Promise(() => {})
  },
  '/reject-later': () => {
    setTimeout(() => Promise.reject(new Error('rejected by nobody')))
    return new Promise(() => {})
  },
  '/catch-own': () => {
    process.on('uncaughtException', () => {})
    setTimeout(() => {
      throw new Error('caught by the app')
    })
    return new Response('caught')
  },
  // Answers after a while, and has work left behind.
  '/slow': async (url, info) => {
    info.waitUntil(later(100).then(() => writeFileSync(url.searchParams.get('file'), 'done')))
    await later(50)
    return new Response('slow')
  },
  '/never': () => new Promise(() => {}),
  '/log': () => {
    throw new Error('logged')
  },
}

function later(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

export default {
  fetch(request, info) {
    const url = new URL(request.url)
    return ROUTES[url.pathname](url, info)
  },
}
