import { H3, serve } from 'h3'

const app = new H3()
app.get('/', () => ({ hello: 'h3' }))
serve(app, { port: 3000 })
