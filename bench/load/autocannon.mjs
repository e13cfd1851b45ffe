// Runs autocannon in a process of its own, so that it can be given a core. Prints one line of JSON.
// Arguments: URL, connections, seconds, method, body, fields as JSON.
import autocannon from 'autocannon'

const [url, connections, seconds, method, body, fields] = process.argv.slice(2)
const result = await autocannon({
  url,
  connections: Number(connections),
  duration: Number(seconds),
  method,
  ...(body && { body }),
  headers: { ...(body && { 'content-type': 'text/plain' }), ...JSON.parse(fields) },
})
const milliseconds = 1000
process.stdout.write(
  `${JSON.stringify({
    requests: result['2xx'],
    seconds: result.duration,
    p50: result.latency.p50 * milliseconds,
    p99: result.latency.p99 * milliseconds,
    failed: result.errors + result.timeouts + result.non2xx,
  })}\n`,
)
