import { digesting } from '../base/streams.ts'
import { VerificationError } from '../base/errors.ts'
import { decompress } from '../image/compress.ts'
import { inflateLimits } from '../image/inflate-limits.ts'
import { normaliseLayer } from '../image/normalise.ts'
import type { Image } from '../image/types.ts'
import type { Descriptor, Store } from '../oci/types.ts'
import { assembleImage } from './assemble.ts'
import type { ImageDraft, Pass, ResolvedBase } from './driver.ts'
import { driverHistory } from './history.ts'
import { storeLayer, type NewLayer } from './layer.ts'

/**
 * Makes our image of what an engine built: the base's layers are taken from the base itself (engines recompress them), new layers are
 * sorted and their times clamped, configuration and history are written anew.
 */
export async function normaliseForeign(
  pass: Pass,
  built: { store: Store; image: Image },
  base: ResolvedBase | null,
): Promise<ImageDraft> {
  const { plan, epoch, ports, store } = pass
  const ids = built.image.config.rootfs.diff_ids
  const known = base?.image.config.rootfs.diff_ids ?? []
  if (known.some((id, index) => ids[index] !== id)) {
    throw new VerificationError('digest-mismatch', 'the builder did not start from the base image that was named', {
      subject: base?.text ?? 'base image',
    })
  }
  const layers: NewLayer[] = []
  for (const [index, layer] of built.image.manifest.layers.entries()) {
    if (index < known.length) continue
    ports.log.progress(`normalising layer ${index + 1} of ${ids.length}`)
    const plain = digesting(
      decompress(layer.mediaType, await built.store.openBlob(layer), inflateLimits, `layer ${layer.digest}`),
    )
    const options = { epoch, temp: pass.workdir }
    layers.push(await storeLayer(normaliseLayer(plain.stream, options), store, pass.compression))
    await checkDiffId(plain, ids[index], layer)
  }
  const config = { ...built.image.config.config }
  const labels = Object.entries({ ...config.Labels, ...pass.labels })
  // The engine's own mark: it changes with its version and says nothing that the build record doesn't.
  config.Labels = Object.fromEntries(labels.filter(([name]) => name !== 'io.buildah.version'))
  return assembleImage({
    base,
    layers,
    config,
    history: driverHistory(plan, layers.length, epoch),
    platform: pass.platform,
    epoch,
    store,
  })
}

async function checkDiffId(
  plain: ReturnType<typeof digesting>,
  want: string | undefined,
  layer: Descriptor,
): Promise<void> {
  // The tar reader may stop before the padding, which the diff id covers.
  for await (const rest of plain.stream) void rest
  if (plain.result().digest === want) return
  throw new VerificationError(
    'digest-mismatch',
    `a layer that the builder wrote has not the diff id ${want ?? 'none'}`,
    {
      subject: layer.digest,
    },
  )
}

/** The base of the target stage, through the stages that it starts from; null for scratch. */
export function targetBase(pass: Pass): ResolvedBase | null {
  let item = pass.plan.stages.at(-1)
  while (item !== undefined) {
    const { base } = item
    if (base.kind === 'scratch') return null
    if (base.kind === 'image') return pass.bases.get(base.name) ?? null
    item = pass.plan.stages.find(({ stage }) => stage.index === base.index)
  }
  return null
}
