export const dynamic = 'force-dynamic'

export function GET() {
  globalThis.release?.()
  return Response.json({ released: true })
}
