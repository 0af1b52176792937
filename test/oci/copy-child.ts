// Copies the image v1 between two stores, and prints by how many MiB this process grew at most.
import { copyGraph } from '../../src/oci/copy-graph.ts'
import { inOneStep } from '../../src/oci/lazy-store.ts'
import { testPorts } from '../../testkit/ports.ts'
import { storeOf } from './store.ts'

const [from = '', to = ''] = process.argv.slice(2)
const ports = testPorts()
const [source, target] = [storeOf(from, ports), storeOf(to, ports)]
const image = await source.resolve({ tag: 'v1' })
if (image === null) throw new Error(`${from} has no v1`)
const before = process.memoryUsage.rss()
let most = before
const timer = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 20)
await inOneStep(target, () => copyGraph(source, target, image.digest, { tag: 'v1' }))
clearInterval(timer)
console.log(Math.ceil((most - before) / 2 ** 20))
