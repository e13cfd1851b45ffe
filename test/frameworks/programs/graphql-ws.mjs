import { createServer } from 'node:http'
import { buildSchema } from 'graphql'
import { useServer as serveGraphql } from 'graphql-ws/use/ws'
import { WebSocketServer } from 'ws'

const schema = buildSchema(`
  type Query { hello: String }
  type Subscription { count(to: Int!): Int }
`)
const roots = {
  query: { hello: () => 'hello' },
  subscription: {
    async *count({ to }) {
      for (let count = 1; count <= to; count++) yield { count }
    },
  },
}
const server = createServer()
serveGraphql({ schema, roots }, new WebSocketServer({ server, path: '/graphql' }))
server.listen(3000)
