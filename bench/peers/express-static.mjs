import express from 'express'

const app = express()
app.use('/static', express.static(process.env.STATIC))
app.listen(Number(process.env.PORT), '127.0.0.1')
