import { createServer } from 'node:http'
import { pino } from 'pino'
import { makeApp } from './lib/app.js'

const log = pino({ name: 'notes' })
const port = Number(process.env.PORT ?? 8080)
const server = createServer(makeApp(log))

server.listen(port, () => log.info({ port }, 'listening'))
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => server.close(() => process.exit(0)))
}
