import Fastify from 'fastify'

const app = Fastify()
app.get('/', async () => ({ hello: 'fastify' }))
const address = await app.listen({ port: 3000 })
console.log('at', address)
