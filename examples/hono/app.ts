/** A small shop of notes in memory: routes, JSON, an error handler, and the client's address. */
import { Hono } from 'hono'
import { logger } from 'hono/logger'

interface Note {
  readonly id: number
  readonly text: string
}

const notes = new Map<number, Note>()
const app = new Hono()

app.use(logger())
app.get('/', (c) => c.text('Hello from Hono!\n'))
app.get('/notes', (c) => c.json([...notes.values()]))
app.get('/notes/:id', (c) => {
  const note = notes.get(Number(c.req.param('id')))
  return note === undefined ? c.notFound() : c.json(note)
})
app.post('/notes', async (c) => {
  const { text } = await c.req.json<{ text?: unknown }>()
  if (typeof text !== 'string' || text === '') return c.json({ error: 'text is missing' }, 400)
  const note = { id: notes.size + 1, text }
  notes.set(note.id, note)
  return c.json(note, 201)
})

export default app
