import type { Reader } from '../types.ts'
import { connaisseur, kyverno, kyvernoIvp, policyController } from './admission.ts'
import { coco } from './coco.ts'
import { cosign2, cosign3 } from './cosign.ts'
import { notation, ratify } from './notary.ts'
import { buildah, containerd, crio, docker, podman, skopeo } from './runtimes.ts'

/** Every reader that is known, in the order of reports. Of two versions of one name the later one stands for the name alone. */
export const readers: readonly Reader[] = [
  coco,
  cosign2,
  cosign3,
  kyverno,
  kyvernoIvp,
  policyController,
  connaisseur,
  notation,
  ratify,
  containerd,
  crio,
  docker,
  podman,
  buildah,
  skopeo,
]
