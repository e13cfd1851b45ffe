/** @type {import('next').NextConfig} */
export default {
  // The packages are next door, and the build is elsewhere: without a root Next looks for one.
  turbopack: { root: process.env.NEXT_ROOT },
  outputFileTracingRoot: process.env.NEXT_ROOT,
  redirects: async () => [{ source: '/old', destination: '/', permanent: true }],
  rewrites: async () => [{ source: '/rewritten/:id', destination: '/users/:id' }],
  headers: async () => [{ source: '/users/:id', headers: [{ key: 'X-Config', value: 'yes' }] }],
}
