// The servers that show what they do, and are looked at each second.
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Collector, Statsd } from './receivers.mjs'
import { look, watch } from './watcher.mjs'

/**
 * A server with metrics and status page.
 *
 * @param {() => Promise<{ flags: string[], receivers?: { hears(): Promise<void> }[] }>} more what else it
 *   tells, and whom
 */
const server = (launch, name, label, more = async () => ({ flags: [] })) => {
  const socket = join(tmpdir(), `${name}-${process.pid}`)
  let receivers = []
  return {
    name,
    label,
    answers: ['hello'],
    protocols: ['h1'],
    watch: () => watch(socket, receivers),
    look: () => look(socket),
    prepare: async () => {
      process.once('exit', () => rmSync(socket, { force: true }))
      const told = await more()
      receivers = told.receivers ?? []
      const binds = ['--metrics-bind', `unix:${socket}`, '--status-bind', `unix:${socket}`]
      return launch([...binds, ...told.flags])
    },
  }
}

/** All that tells of a server but spans. */
async function allButSpans() {
  const statsd = new Statsd()
  const flags = ['--statsd-host', await statsd.start(), '--server-timing']
  return { flags, receivers: [statsd] }
}

/** All of it, with spans of this share of the requests. */
async function withSpans(ratio) {
  const collector = new Collector()
  const sampled = ['--otlp-sampler', 'traceidratio', '--otlp-sample-ratio', String(ratio)]
  const endpoint = ['--otlp-endpoint', await collector.start()]
  const { flags, receivers } = await allButSpans()
  return { flags: [...flags, ...endpoint, ...sampled], receivers: [...receivers, collector] }
}

/** @param {(options: string[]) => Promise<(port: number) => object>} launch monodon, with further flags */
export function watchedServers(launch, jsThread) {
  return [
    server(launch, 'monodon-watched', 'monodon fetch, metrics and status'),
    server(launch, 'monodon-told', 'monodon fetch, all but spans', allButSpans),
    server(launch, 'monodon-traced-1', 'monodon fetch, all, spans of 1 %', () => withSpans(0.01)),
    server(launch, 'monodon-traced', 'monodon fetch, all, spans of 100 %', () => withSpans(1)),
  ].map((one) => ({ ...one, jsThread }))
}
