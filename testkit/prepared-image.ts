import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { openStore } from '../src/oci/open.ts'
import { parseReference } from '../src/oci/reference.ts'
import type { Store } from '../src/oci/types.ts'
import type { ChainBase } from './chain.ts'
import { scratch, testPorts } from './ports.ts'
import { putSmallImage, smallBase, smallFiles } from './small-image.ts'

/** The small image, made once a file and copied for each test: what is attached to one is not seen by another. */
export function preparedImages(name: string): () => Promise<{ reference: string; store: Store; base: ChainBase }> {
  const ports = testPorts()
  const open = (layout: string): Store => openStore(parseReference(`oci:${layout}`, '/'), ports)
  const first = (async () => {
    const layout = join(scratch(name), 'layout')
    const store = open(layout)
    return { layout, base: await smallBase(store, await putSmallImage(store, smallFiles)) }
  })()
  return async () => {
    const { layout, base } = await first
    const copy = join(scratch(name), 'layout')
    await cp(layout, copy, { recursive: true })
    return { reference: `oci:${copy}`, store: open(copy), base }
  }
}
