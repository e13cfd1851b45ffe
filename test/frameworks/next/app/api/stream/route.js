export const dynamic = 'force-dynamic'

export function GET() {
  const encoder = new TextEncoder()
  const pieces = ['one ', 'two ', 'drei é ', 'end']
  const stream = new ReadableStream({
    pull(controller) {
      const piece = pieces.shift()
      if (piece === undefined) controller.close()
      else controller.enqueue(encoder.encode(piece))
    },
  })
  return new Response(stream, { headers: { 'Content-Type': 'text/plain; charset=utf-8' } })
}
