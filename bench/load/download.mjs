// One download as fast as it comes, thrown away. Argument: URL. Prints one line of JSON.
import { request as overHttp } from 'node:http'
import { request as overHttps } from 'node:https'

const [url] = process.argv.slice(2)

const ask = url.startsWith('https:') ? overHttps : overHttp
const began = performance.now()
let bytes = 0
// The benchmark's own certificate is of no authority.
ask(url, { rejectUnauthorized: false }, (response) => {
  if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`)
  response.on('data', (piece) => {
    bytes += piece.length
  })
  response.on('end', () => {
    const seconds = (performance.now() - began) / 1000
    process.stdout.write(`${JSON.stringify({ bytes, seconds })}\n`)
  })
}).end()
