// The command line run from sources, as dist/cli/index.js is from the bundle. Only tests start it.
import { join } from 'node:path'
import { main } from '../src/cli/main.ts'

await main(process.argv.slice(2), {
  agent: join(import.meta.dirname, 'agent-entry.ts'),
  threads: join(import.meta.dirname, 'threads-entry.ts'),
})
