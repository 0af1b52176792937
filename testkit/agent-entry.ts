// The agent's program run from sources, as dist/agent/index.js is from the bundle.
import { start } from '../src/bundle.ts'

await start('agent', '')
