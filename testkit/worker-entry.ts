// A worker's program run from sources, as testkit/agent-entry.ts is the agent's. Only tests and benchmarks start it.
import { enableCompileCache } from 'node:module'
import { compileCache } from './compile-cache.ts'

enableCompileCache(compileCache)
const { start } = await import('../src/bundle.ts')

await start('worker', '')
