// The least that is an app: what a cold start of one takes is measured with it.
export const app = { fetch: () => new Response('Hello, World!') }
