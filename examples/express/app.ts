/** An Express app: middleware, a router, JSON, and an error handler. It is exported, and does not listen. */
import express, { type ErrorRequestHandler } from 'express'

const app = express()
app.use(express.json())

app.get('/', (_req, res) => {
  res.type('text/plain').send('Hello from Express!\n')
})
app.get('/hello/:name', (req, res) => {
  res.json({ hello: req.params.name, from: req.ip })
})
app.post('/echo', (req, res) => {
  res.json({ youSent: req.body })
})

const onError: ErrorRequestHandler = (error, _req, res, _next) => {
  res.status(error.status ?? 500).json({ error: error.message })
}
app.use(onError)

export default app
