// What the soak tests serve: answers that can be checked, and ways to ruin the worker. It is copied
// beside a `version.mjs`, which the tests change and break.
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { version } from './version.mjs'

/** Large enough to be lent. */
const LARGE_BYTES = 96 * 1024
const CHUNKS = 8
const CHUNK_BYTES = 2000

const text = (body) => new Response(body)

/** Bytes that only this number gives. */
const bytes = (number, length) => new Uint8Array(length).fill(number % 251)

async function* chunks(number) {
  for (let count = 0; count < CHUNKS; count++) {
    await sleep(2)
    yield bytes(number + count, CHUNK_BYTES)
  }
}

async function upload(request) {
  const hash = createHash('sha1')
  for await (const chunk of request.body) hash.update(chunk)
  return text(hash.digest('hex'))
}

async function released() {
  while (!existsSync('release')) await sleep(10)
}

async function hold(number) {
  await released()
  return text(`held ${number}`)
}

/** In the middle of its answer. */
async function* pause(number) {
  yield new TextEncoder().encode('paused ')
  await released()
  yield new TextEncoder().encode(String(number))
}

const ROUTES = {
  '/version': () => text(String(version)),
  '/small': (_request, number) => text(`small ${number}`),
  '/upload': upload,
  '/large': (_request, number) => new Response(bytes(number, LARGE_BYTES)),
  '/stream': (_request, number) => new Response(ReadableStream.from(chunks(number))),
  '/hold': (_request, number) => hold(number),
  '/pause': (_request, number) => new Response(ReadableStream.from(pause(number))),
  '/ruin': (_request, _number, how) => ruin(how),
}

const DEEDS = {
  exit: () => process.exit(7),
  throw: () =>
    setImmediate(() => {
      throw new Error('thrown out of the app')
    }),
  loop: () => {
    for (;;) Math.random()
  },
  memory: () => {
    const hoard = []
    for (;;) hoard.push(new Array(10_000).fill({ at: hoard.length }))
  },
}

/** Does not come back. */
async function ruin(how) {
  // A request that another one's deed has cost its worker has done nothing yet.
  appendFileSync('deeds', `${how}\n`)
  DEEDS[how]()
  await sleep(60_000)
}

export default (request) => {
  const { pathname, searchParams } = new URL(request.url)
  return ROUTES[pathname](request, Number(searchParams.get('id')), searchParams.get('how'))
}
