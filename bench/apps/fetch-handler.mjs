// One fetch handler, told which class of Response to use.
import { block, CHUNK, CHUNKS, feed, HELLO, LARGE, LIST, readSlowly } from './payload.mjs'

/** A pull stream: a chunk is made when one is asked for. */
function streamOf(iterator) {
  return new ReadableStream({
    pull(controller) {
      const { done, value } = iterator.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
  })
}

function* chunks() {
  for (let count = 0; count < CHUNKS; count++) yield CHUNK
}

/** The path of an absolute URL, without making a URL of it. */
function pathOf(url) {
  const start = url.indexOf('/', 8)
  const end = url.indexOf('?', start)
  return end === -1 ? url.slice(start) : url.slice(start, end)
}

const json = { headers: { 'content-type': 'application/json' } }
const text = { headers: { 'content-type': 'text/plain' } }

const echo = async (Response, request) => new Response(await request.text(), text)
const sink = async (Response, request) => new Response(String(await readSlowly(request.body)), text)

export const handlerOf = (Response) => (request) => {
  switch (pathOf(request.url)) {
    case '/':
      return new Response(HELLO, text)
    case '/json':
      return Response.json({ message: HELLO })
    case '/list':
      return new Response(LIST, json)
    case '/echo':
      return echo(Response, request)
    case '/stream':
      return new Response(streamOf(chunks()), text)
    case '/1mb':
      return new Response(LARGE, text)
    case '/feed':
      return new Response(streamOf(feed()), text)
    case '/sink':
      return sink(Response, request)
    case '/block':
      block()
      return new Response(HELLO, text)
    default:
      return new Response(null, { status: 404 })
  }
}
