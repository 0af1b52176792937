import type { Descriptor, Store } from '../../src/oci/types.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

/** Stores list referrers by digest, so whoever attaches chooses whether he stands before another. */
const middle = 'sha256:8'

/** Makes something again until its manifest is listed in the second half. Its bytes have to differ each time. */
export async function listedLate<T>(
  make: () => Promise<T>,
  attach: (store: Store, made: T) => Promise<Descriptor>,
): Promise<T> {
  const store = openStore(parseReference(`oci:${scratch('late')}`, '/'), testPorts())
  for (;;) {
    const made = await make()
    if ((await attach(store, made)).digest >= middle) return made
  }
}

/** Attaches noise until so many manifests of it are listed in the first half. */
export async function attachBefore(count: number, attach: (noise: Buffer) => Promise<Descriptor>): Promise<void> {
  for (let n = 0, before = 0; before < count; n++)
    if ((await attach(Buffer.from(`noise ${n}`))).digest < middle) before += 1
}
