// A peer that moves 200 MB slowly. Arguments: URL of the server, `download` or `upload`. A slow
// download is one whose client reads slowly; a slow upload is read slowly by the app, so that the
// server has to hold the client back. Prints the bytes that arrived.
import { request } from 'node:http'
import { feed, readSlowly } from '../apps/payload.mjs'

const [url, direction] = process.argv.slice(2)

function download() {
  return new Promise((resolve, reject) => {
    request(`${url}/feed`, (response) => readSlowly(response).then(resolve, reject))
      .on('error', reject)
      .end()
  })
}

async function upload() {
  let length = 0
  for (const piece of feed()) length += piece.length
  return new Promise((resolve, reject) => {
    const sink = request(
      `${url}/sink`,
      { method: 'POST', headers: { 'content-length': length, 'content-type': 'text/plain' } },
      (response) => response.setEncoding('latin1').on('data', resolve).on('error', reject),
    )
    sink.on('error', reject)
    send(sink, feed())
  })
}

/** Writes piece after piece, as fast as the connection takes them. */
function send(sink, pieces) {
  for (;;) {
    const { done, value } = pieces.next()
    if (done) break
    if (!sink.write(value)) {
      sink.once('drain', () => send(sink, pieces))
      return
    }
  }
  sink.end()
}

process.stdout.write(`${await (direction === 'upload' ? upload() : download())}\n`)
process.exit()
