// Who takes what a server tells of itself: a statsd and a collector of OpenTelemetry, which count it and
// throw it away. They are in this process, and so on the load's core.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:http'

/** How long one that is to hear something waits for it, in ms. */
const PATIENCE = 10_000

/** Takes datagrams of statsd. */
export class Statsd {
  #socket = createSocket('udp4')

  /** @returns {Promise<string>} where it takes them */
  async start() {
    this.#socket.bind(0, '127.0.0.1')
    await once(this.#socket, 'listening')
    this.#socket.unref()
    // Without a listener nothing is read.
    this.#socket.on('message', () => {})
    return `127.0.0.1:${this.#socket.address().port}`
  }

  /** Settles with the next one; rejects if none comes. */
  async hears() {
    await once(this.#socket, 'message', { signal: AbortSignal.timeout(PATIENCE) })
  }
}

/** Takes spans by OTLP/HTTP. */
export class Collector {
  #server = createServer((request, response) => {
    request.resume()
    // An empty ExportTraceServiceResponse: all was taken.
    request.on('end', () => response.setHeader('content-type', 'application/x-protobuf').end())
  })

  /** @returns {Promise<string>} its URL */
  async start() {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#server.unref()
    return `http://127.0.0.1:${this.#server.address().port}`
  }

  /** Settles with the next batch; rejects if none comes. */
  async hears() {
    await once(this.#server, 'request', { signal: AbortSignal.timeout(PATIENCE) })
  }
}
