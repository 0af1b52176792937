import { compareInventories } from '../image/inventory.ts'
import { passImage } from '../image/pass.ts'
import type { Image, ImageConfig } from '../image/types.ts'
import type { Ports } from '../base/ports.ts'
import { jcs } from '../encoding/jcs.ts'
import type { Digest, Store } from '../oci/types.ts'

/** How a rebuild differs from the first pass. */
export interface PassDifference {
  /** 2 is the first rebuild. */
  pass: number
  digest: Digest
  /** Members of the configuration that differ, for example `config.Env`. */
  config: string[]
  /** Files that differ, and in what: `added`, `removed`, or names of inventory fields. */
  files: { path: string; fields: string[] }[]
  /** Layers whose bytes differ although no file's content or attributes do: times or order. */
  layers: number[]
}

/** Unpacks both passes and names what differs. */
export async function describeDifference(
  pass: number,
  first: { image: Image; store: Store },
  second: { image: Image; store: Store },
  { log, threads }: Pick<Ports, 'log' | 'threads'>,
): Promise<PassDifference> {
  const before = await passImage(first.store, first.image, [], { log, threads })
  const after = await passImage(second.store, second.image, [], { log, threads })
  const inventory = compareInventories(before.inventory, after.inventory)
  const files = [
    ...inventory.added.map(({ path }) => ({ path, fields: ['added'] })),
    ...inventory.removed.map(({ path }) => ({ path, fields: ['removed'] })),
    ...inventory.changed.map(({ path, fields }) => ({ path, fields: [...fields] as string[] })),
  ].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))
  const ids = first.image.config.rootfs.diff_ids
  const others = second.image.config.rootfs.diff_ids
  const layers = files.length > 0 ? [] : [...ids.keys()].filter((index) => ids[index] !== others[index])
  return {
    pass,
    digest: second.image.descriptor.digest,
    config: configDifferences(first.image.config, second.image.config),
    files,
    layers,
  }
}

function configDifferences(a: ImageConfig, b: ImageConfig): string[] {
  const names: string[] = []
  const compare = (prefix: string, left: object, right: object, skip: readonly string[]): void => {
    const [x, y] = [new Map(Object.entries(left)), new Map(Object.entries(right))]
    for (const key of new Set([...x.keys(), ...y.keys()])) {
      if (!skip.includes(key) && !same(x.get(key), y.get(key))) names.push(`${prefix}${key}`)
    }
  }
  compare('', a, b, ['config', 'rootfs'])
  compare('config.', a.config ?? {}, b.config ?? {}, [])
  return names.sort()
}

function same(a: unknown, b: unknown): boolean {
  return a === undefined || b === undefined ? a === b : jcs(a).equals(jcs(b))
}
