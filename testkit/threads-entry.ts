// The program of threads run from sources, as dist/threads/index.js is from the bundle. Only tests and benchmarks start it.
import { start } from '../src/bundle.ts'

await start('threads', '')
