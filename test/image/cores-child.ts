import { join } from 'node:path'
import { sha256 } from '../../src/base/streams.ts'
import { inventoryBytes } from '../../src/image/inventory.ts'
import { loadImage } from '../../src/image/load.ts'
import { passImage } from '../../src/image/pass.ts'
import { openLayout } from '../../src/oci/layout.ts'
import { makePorts } from '../../src/runner/make-ports.ts'

/** Reads an image and prints a digest of all that came out. Arguments: layout, `threads` or `none`. */
const [layout = '', how] = process.argv.slice(2)
const store = openLayout(layout, 'localhost/test', makePorts({ env: {}, cwd: '/' }))
const descriptor = await store.resolve({ tag: 'latest' })
if (descriptor === null) throw new Error('there is no image')
const got: string[] = []
const reader = {
  wants: ({ size }: { size: number }): number => size,
  file: ({ path }: { path: string }, content: Buffer): void => void got.push(`${path} ${sha256(content)}`),
}
const threads = how === 'threads' ? join(import.meta.dirname, '../../testkit/threads-entry.ts') : undefined
const worth = { image: 0, layer: 0 }
const { inventory, layers } = await passImage(store, await loadImage(store, descriptor.digest), [reader], {
  threads,
  worth,
})
console.log(sha256(JSON.stringify([sha256(inventoryBytes(inventory)), layers, got])))
