import type { Ports } from '../base/ports.ts'
import type { Image } from '../image/types.ts'
import type { Digest, Platform, Store } from '../oci/types.ts'
import type { Plan } from './containerfile/plan.ts'
import type { Surroundings } from './context/prepare.ts'
import type { BaseImage } from './embedded/stage-fs.ts'
import type { StepsFacts } from '../statement/isolation.ts'
import type { DriverName } from './types.ts'

/** A base image, found once for all passes. */
export interface ResolvedBase extends BaseImage {
  /** As FROM or COPY --from names it. */
  text: string
  /** For the record: `host/name` or `localhost/folder`, without anything of this machine. */
  name: string
  /** Of what was named: an index or a manifest. */
  digest: Digest
  /** Payload of the promotion record that admitted it, where one was asked for. */
  promotion?: Digest | undefined
}

/** One build of the same inputs. */
export interface Pass {
  plan: Plan
  /** Settled copy of the context. */
  context: string
  /** The Containerfile's text. */
  source: string
  bases: ReadonlyMap<string, ResolvedBase>
  platform: Platform
  epoch: number
  buildArgs: Readonly<Record<string, string>>
  labels: Readonly<Record<string, string>>
  compression: 'gzip' | 'zstd'
  /** Private folder of this pass. */
  workdir: string
  /** Clean environment for children. */
  env: Record<string, string>
  around: Surroundings
  /** Takes the layers and the configuration; the manifest is put later. */
  store: Store
  ports: Ports
}

/** A built image whose blobs are in the store and whose manifest is not yet. */
export interface ImageDraft {
  image: Image
  manifestBytes: Buffer
  /** How many of the first layers are the base's own. */
  baseLayers: number
}

export interface Driver {
  name: DriverName
  version: string
  /** What RUN really gets; `no-steps` where nothing of the image is run. */
  isolation: StepsFacts
  /** The driver's own word for how RUN is kept apart: `none`, `chroot`, `container`. For reading. */
  confinement: string
  build(pass: Pass): Promise<ImageDraft>
}
