import { NextResponse } from 'next/server'

export function proxy(request) {
  if (request.nextUrl.pathname === '/refused')
    return new NextResponse('refused', { status: 403, headers: { 'X-Proxy': 'refused' } })
  const response = NextResponse.next()
  response.headers.set('X-Proxy', 'passed')
  return response
}

export const config = { matcher: ['/users/:path*', '/api/:path*', '/refused'] }
