export const dynamic = 'force-dynamic'

/** Goes on until the client leaves. */
export function GET(request) {
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('data: first\n\n'))
      request.signal.addEventListener('abort', () => globalThis.noteForNext('signal: abort'))
    },
  })
  return new Response(stream, { headers: { 'Content-Type': 'text/event-stream' } })
}
