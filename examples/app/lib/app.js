import compression from 'compression'
import express from 'express'
import helmet from 'helmet'
import { z } from 'zod'

const note = z.object({ title: z.string().min(1).max(200), text: z.string().max(10_000).default('') })

/** Notes in memory: enough to be worth a request, small enough to read. */
export function makeApp(log) {
  const notes = new Map()
  const app = express()
  app.disable('x-powered-by')
  app.use(helmet(), compression(), express.json({ limit: '64kb' }))

  app.get('/healthz', (_request, response) => response.json({ status: 'ok' }))
  app.get('/notes', (_request, response) => response.json([...notes.values()]))
  app.post('/notes', (request, response) => {
    const parsed = note.safeParse(request.body)
    if (!parsed.success) return response.status(400).json({ error: parsed.error.issues })
    const saved = { id: notes.size + 1, ...parsed.data }
    notes.set(saved.id, saved)
    log.info({ id: saved.id }, 'note saved')
    return response.status(201).json(saved)
  })
  return app
}
