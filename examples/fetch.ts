/** An object with `fetch`: `monodon examples/fetch.ts`. */
export default {
  async fetch(request: Request): Promise<Response> {
    if (request.method === 'POST') return Response.json({ youSent: await request.text() })
    return new Response(`Hello, ${new URL(request.url).pathname}!\n`)
  },
}
