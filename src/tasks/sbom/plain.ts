import { passImage } from '../../image/pass.ts'
import type { Image } from '../../image/types.ts'
import type { Descriptor, Store } from '../../oci/types.ts'
import type { ByteSource } from '../../base/streams.ts'
import { sbomReaders } from '../../sbom/readers.ts'
import type { TaskContext } from '../context.ts'
import type { Found } from './describe.ts'
import { keptPass } from './kept.ts'

/** What the layers hold: from an earlier task of the job over the same layers, else read now. */
export async function readPlain(
  store: Store,
  image: Image,
  { work, ports }: TaskContext,
  open?: (layer: Descriptor) => Promise<ByteSource>,
): Promise<Found & { kept: boolean }> {
  const kept = await keptPass(work, store, image)
  if (kept !== null) {
    ports.log.info('the layers were unpacked earlier in this job: their digests are right, taking what was found then')
    return { ...kept, kept: true }
  }
  const readers = sbomReaders()
  const pass = await passImage(store, image, readers.readers, { open, log: ports.log, threads: ports.threads })
  return { pass, catalogue: readers.finish(pass.inventory), kept: false }
}
