import { join } from 'node:path'
import { main } from '../src/cli/main.ts'

/** The command line without `dist/`, to measure a change before it is bundled. */
await main(process.argv.slice(2), {
  agent: join(import.meta.dirname, '../testkit/agent-entry.ts'),
  threads: join(import.meta.dirname, '../testkit/threads-entry.ts'),
})
