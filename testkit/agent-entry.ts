// The agent's program run from sources, as dist/agent/index.js is from the bundle. Only tests and benchmarks start it.
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

// Types are stripped and modules compiled once, not for each of some hundred agents. dist/ does not do so: what lies in
// such a folder is run in place of the program whose digest the agent states.
enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/sealwright-test'))
const { start } = await import('../src/bundle.ts')

await start('agent', '')
