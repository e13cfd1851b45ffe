/** The app that is tested: it keeps a count, and fails when it is asked to. */
let visits = 0

export default async function app(request) {
  const { pathname } = new URL(request.url)
  if (pathname === '/visits') return Response.json({ visits: ++visits })
  if (pathname === '/shout') return new Response((await request.text()).toUpperCase())
  throw new Error(`nothing is known of ${pathname}`)
}
