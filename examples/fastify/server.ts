/**
 * A Fastify program that listens by itself, as `node server.ts` runs it. `monodon server.ts` serves it
 * unchanged: --bind takes the place of the port.
 */
import Fastify from 'fastify'

const app = Fastify()

app.get('/', () => 'Hello from Fastify!\n')
app.post<{ Body: { readonly a: number; readonly b: number } }>(
  '/sum',
  {
    schema: {
      body: {
        type: 'object',
        required: ['a', 'b'],
        properties: { a: { type: 'number' }, b: { type: 'number' } },
      },
    },
  },
  ({ body }) => ({ sum: body.a + body.b }),
)

await app.listen({ port: 3000 })
