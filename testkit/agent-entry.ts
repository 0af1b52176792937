// The agent's program run from sources, as dist/agent/index.js is from the bundle. Only tests and benchmarks start it.
import { enableCompileCache } from 'node:module'
import { compileCache } from './compile-cache.ts'

// Before anything of src is loaded: an agent takes no NODE_COMPILE_CACHE from the environment.
enableCompileCache(compileCache)
const { start } = await import('../src/bundle.ts')

await start('agent', '')
