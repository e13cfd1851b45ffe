import app from '../apps/koa.mjs'

app.listen(Number(process.env.PORT), '127.0.0.1')
