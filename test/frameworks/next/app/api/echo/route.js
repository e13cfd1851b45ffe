export async function GET(request) {
  const { pathname, searchParams } = request.nextUrl
  return Response.json({
    pathname,
    query: [...searchParams],
    accept: request.headers.get('accept'),
  })
}

export async function POST(request) {
  const type = request.headers.get('content-type') ?? ''
  if (type.startsWith('application/json')) return Response.json({ body: await request.json() })
  if (type.startsWith('multipart/') || type.includes('urlencoded')) {
    const fields = []
    for (const [name, value] of await request.formData())
      fields.push([name, typeof value === 'string' ? value : [value.name, await value.text()]])
    return Response.json({ fields })
  }
  return new Response(request.body, { headers: { 'Content-Type': 'application/octet-stream' } })
}

export function DELETE() {
  return new Response(null, { status: 204 })
}
