/** What is no file of `public`: an API beside the site. The files never reach this code. */
export default function api(request: Request): Response {
  const { pathname } = new URL(request.url)
  if (pathname === '/api/time') return Response.json({ time: new Date().toISOString() })
  return new Response('Not found\n', { status: 404 })
}
