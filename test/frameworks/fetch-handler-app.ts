/**
 * A `handler(request)` that does what the servers of SvelteKit and React Router (Remix) do behind
 * their fetch exports, as their documentation has it: form actions, loaders, endpoints, hooks,
 * redirects that set cookies, deferred data that streams into the page.
 *
 * https://svelte.dev/docs/kit/form-actions, https://svelte.dev/docs/kit/load,
 * https://reactrouter.com/how-to/suspense, https://reactrouter.com/explanation/sessions-and-cookies
 */

interface Event {
  readonly request: Request
  readonly url: URL
  readonly cookies: string[]
}

type Route = (event: Event) => Response | Promise<Response>

const later = (value: string) =>
  new Promise<string>((resolve) => setTimeout(() => resolve(value), 5))

/** Form actions are POSTs to `?/name`; the default one has no name. */
const actions: Record<string, (form: FormData, event: Event) => unknown> = {
  default: (form) => ({ saved: [...form.keys()] }),
  login(form, { cookies }) {
    if (form.get('password') !== 'right') return fail(422, { user: form.get('user'), wrong: true })
    cookies.push('session=abc; Path=/; HttpOnly; SameSite=Lax', 'theme=dark; Path=/; Max-Age=60')
    throw redirect(303, '/account')
  },
  async upload(form) {
    const files = form.getAll('file').map(async (entry) => {
      if (typeof entry === 'string') return entry
      const sum = Buffer.from(await entry.arrayBuffer()).reduce((total, byte) => total + byte, 0)
      return { name: entry.name, type: entry.type, size: entry.size, sum }
    })
    return { files: await Promise.all(files) }
  },
}

const routes: Record<string, Route> = {
  'GET /': () => page('home'),
  'POST /': action,
  'GET /account': ({ request }) => {
    if (!request.headers.get('cookie')?.includes('session=')) throw redirect(302, '/?/login')
    return page('account')
  },
  'GET /api': ({ url }) => Response.json({ q: url.searchParams.getAll('q') }),
  'PUT /api': async ({ request }) => Response.json(await request.json(), { status: 201 }),
  'DELETE /api': () => new Response(null, { status: 204 }),
  'GET /deferred': () => new Response(deferred(), { headers: { 'content-type': 'text/html' } }),
  'GET /loader-throws': () => {
    throw new Response('not yours', { status: 403, statusText: 'Hands Off' })
  },
  'GET /fails': () => {
    throw new Error('a secret')
  },
  'GET /error': () => Response.error(),
  'POST /stream-up': async ({ request }) => {
    let bytes = 0
    for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>)
      bytes += chunk.length
    return Response.json({ bytes })
  },
  'POST /forward': async ({ request, url }) => {
    // A request that is made of another one, as `event.fetch` and resource routes do.
    const moved = new Request(new URL('/stream-up', url), {
      method: 'POST',
      body: request.body,
      duplex: 'half',
    } as RequestInit)
    return handler(moved)
  },
  'POST /copied': async ({ request }) => {
    const copy = new Request(request, { headers: { 'x-added': '1' } })
    return Response.json([copy.headers.get('x-added'), await copy.text(), request.bodyUsed])
  },
}

async function action(event: Event): Promise<Response> {
  const name = [...event.url.searchParams.keys()].find((key) => key.startsWith('/'))?.slice(1)
  const run = actions[name ?? 'default']
  if (run === undefined) return new Response('no such action', { status: 404 })
  const result = await run(await event.request.formData(), event)
  if (result instanceof Response) return result
  return Response.json({ type: 'success', data: result })
}

function page(title: string): Response {
  return new Response(`<!doctype html><title>${title}</title>`, {
    headers: { 'content-type': 'text/html; charset=utf-8' },
  })
}

/** The page first, then each promise as it settles. */
function deferred(): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream({
    async start(controller) {
      controller.enqueue(encoder.encode('<p>waiting</p>'))
      for (const value of [later('first'), later('sécond')])
        controller.enqueue(
          encoder.encode(`<script>resolve(${JSON.stringify(await value)})</script>`),
        )
      controller.close()
    },
  })
}

function redirect(status: number, location: string): Response {
  return new Response(null, { status, headers: { location } })
}

function fail(status: number, data: unknown): Response {
  return Response.json({ type: 'failure', data }, { status })
}

async function resolve(event: Event): Promise<Response> {
  const { request, url } = event
  const method = request.method === 'HEAD' ? 'GET' : request.method
  const route = routes[`${method} ${url.pathname}`]
  if (route === undefined) return new Response('not found', { status: 404 })
  try {
    return await route(event)
  } catch (thrown) {
    if (thrown instanceof Response) return thrown
    return new Response('internal error', { status: 500 })
  }
}

/** The hook around all: it adds to an answer that it did not make. */
export async function handler(request: Request): Promise<Response> {
  const event: Event = { request, url: new URL(request.url), cookies: [] }
  const forged = request.headers.get('origin') ?? event.url.origin
  if (request.method === 'POST' && forged !== event.url.origin)
    return new Response('cross-site POST', { status: 403 })
  const answer = await resolve(event)
  if (answer.type === 'error') return answer
  const headers = new Headers(answer.headers)
  headers.set('x-frame-options', 'DENY')
  for (const cookie of event.cookies) headers.append('set-cookie', cookie)
  const { status, statusText } = answer
  const body = request.method === 'HEAD' ? null : answer.body
  return new Response(body, { status, statusText, headers })
}

export const app = { fetch: handler }
export default app
