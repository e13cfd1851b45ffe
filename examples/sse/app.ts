/** Answers that go on: server-sent events, and a large download made while it is sent. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Response } from 'monodon'

/** An event each `ms`, until `count` were sent or the client leaves. */
async function* events(count: number, ms: number, signal: AbortSignal): AsyncGenerator<string> {
  for (let id = 1; id <= count; id++) {
    yield `id: ${id}\nevent: tick\ndata: ${JSON.stringify({ at: new Date().toISOString() })}\n\n`
    // A generator that waits is not interrupted when its client leaves: the signal does that.
    await sleep(ms, undefined, { signal })
  }
}

/** Lines of CSV. The next ones are made when the client has read the last: memory stays flat. */
async function* rows(count: number): AsyncGenerator<string> {
  yield 'number,square\n'
  for (let n = 1; n <= count; n++) yield `${n},${n * n}\n`
}

const page = `<!doctype html><title>Ticks</title><ol></ol><script>
new EventSource('/events').addEventListener('tick', ({ data }) => {
  document.querySelector('ol').append(document.createElement('li'))
  document.querySelector('ol').lastChild.textContent = JSON.parse(data).at
})
</script>`

export default function stream(request: Request): Response {
  const { pathname, searchParams } = new URL(request.url)
  const number = (name: string, fallback: number) => Number(searchParams.get(name) ?? fallback)
  if (pathname === '/events') {
    const body = events(number('count', 60), number('ms', 1000), request.signal)
    return answer(body, 'text/event-stream')
  }
  if (pathname === '/squares.csv') return answer(rows(number('rows', 1_000_000)), 'text/csv')
  if (pathname === '/') return answer(page, 'text/html')
  return new Response('Not found\n', { status: 404 })
}

function answer(body: string | AsyncIterable<string>, type: string): Response {
  return new Response(body, { headers: { 'content-type': type, 'cache-control': 'no-store' } })
}
