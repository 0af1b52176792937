import { VerificationError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { sizeInWords } from '../../base/size.ts'
import { layerOpener, plainForm } from '../../encrypt/decrypt.ts'
import { checkCount } from '../../encrypt/open-key.ts'
import { kekBytes } from '../../encrypt/packet.ts'
import { decompress } from '../../image/compress.ts'
import { digestingLayer, omittedBytes } from '../../image/layer-digest.ts'
import type { Descriptor, Digest, Store } from '../../oci/types.ts'
import type { EncryptedLayer } from '../encryption.ts'
import type { ImageFacts } from '../types.ts'
import type { Answer, GuestKbs } from './answer.ts'
import type { Step } from './step.ts'

/**
 * The steps by which a guest opens encrypted layers: the key of each URI, then MAC, plain digest and diff id of each layer. A layer is read only
 * where one of its keys is in hand.
 */
export async function layerSteps(image: ImageFacts, store: Store, kbs: GuestKbs, ports: Ports): Promise<Step[]> {
  const answers = new Map<string, Answer>()
  const uris = new Set(image.encrypted.flatMap(urisOf))
  checkCount(uris)
  for (const uri of uris) answers.set(uri, sized(await kbs(uri), uri))
  const kek = async (uri: string): Promise<Buffer | null> => {
    const answer = answers.get(uri)
    return answer?.outcome === 'failed' ? null : (answer?.bytes ?? null)
  }
  const open = layerOpener(store, { kek }, ports)
  const steps: Step[] = [...answers].map(([uri, { outcome, why, remedy }]) => ({
    step: 'key',
    of: uri,
    outcome,
    why,
    remedy,
  }))
  const { layers, config } = image.image
  for (const one of image.encrypted) {
    const layer = layers[one.index]
    const diffId = config.rootfs.diff_ids[one.index]
    if (layer === undefined || diffId === undefined) continue
    ports.log.progress(`layer ${one.index + 1} of ${layers.length} (${layer.size} bytes)`)
    steps.push(await layerStep(one, layer, diffId, [...urisOf(one).map((uri) => answers.get(uri))], open))
  }
  return steps
}

/** Guests ignore the host of a key's URI. */
function urisOf({ packets }: EncryptedLayer): string[] {
  return packets.flatMap(({ kid, fault }) =>
    kid === null || fault !== null ? [] : [kid.replace(/^kbs:\/\/[^/]*\//, 'kbs:///')],
  )
}

function sized(answer: Answer, uri: string): Answer {
  if (answer.bytes === null || answer.bytes.length === kekBytes) return answer
  return {
    outcome: 'failed',
    why: `${uri} has ${sizeInWords(answer.bytes.length)}, and a key has ${kekBytes}`,
    remedy: 'Publish the key that the image was encrypted with.',
    bytes: null,
  }
}

async function layerStep(
  { index }: EncryptedLayer,
  layer: Descriptor,
  diffId: Digest,
  answers: readonly (Answer | undefined)[],
  open: ReturnType<typeof layerOpener>,
): Promise<Step> {
  const step = (outcome: Step['outcome'], why: string, remedy?: string): Step => ({
    step: 'layer',
    of: `layer ${index}`,
    outcome,
    why,
    remedy,
  })
  const has = answers.filter((one) => one?.outcome !== 'failed')
  if (has.length === 0) return step('failed', 'the guest gets none of its keys')
  if (!has.some((one) => one?.bytes)) return step('not-known', 'its key cannot be seen from here')
  try {
    const { mediaType } = plainForm(layer)
    const { stream, result } = digestingLayer(decompress(mediaType, await open(layer)))
    for await (const _ of stream);
    if (omittedBytes(result(), diffId, mediaType) === null)
      return step(
        'failed',
        `it decrypts to ${result().digest}, and the configuration names ${diffId}`,
        'Publish the image again.',
      )
    return step('passed', `decrypted: MAC, digest and diff id ${diffId} are right`)
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return step('failed', error.message, error.remedy)
  }
}
