import { counted } from '../base/counted.ts'
import { VerificationError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { passImage } from '../image/pass.ts'
import type { Image } from '../image/types.ts'
import { isEncryptedType } from '../oci/descriptor.ts'
import type { Store } from '../oci/types.ts'
import { fails, note, type Finding, type ImageFacts } from './types.ts'

/** What the bytes of the layers hold that readers take differently (docs/statements.md). */
export interface LayerContent {
  /** Why the archives cannot be read in one way, or not at all; null where they can. */
  fault: string | null
  /** Devices and fifos. */
  devices: number
  /** Paths other than files with extended attributes. */
  attributes: number
  /** Files with capabilities. */
  capabilities: number
}

/**
 * Reads every layer. An encrypted image is not read.
 *
 * @throws TransportError
 */
export async function readContent(store: Store, image: Image, { log, threads }: Ports): Promise<LayerContent | null> {
  if (image.manifest.layers.some(({ mediaType }) => isEncryptedType(mediaType))) return null
  const content: LayerContent = { fault: null, devices: 0, attributes: 0, capabilities: 0 }
  try {
    const { inventory } = await passImage(store, image, [], { log, threads })
    for (const { type, xattrs = {} } of inventory) {
      if (type === 'fifo' || type === 'char' || type === 'block') content.devices++
      else if (type !== 'file' && Object.keys(xattrs).length > 0) content.attributes++
      if (type === 'file' && 'security.capability' in xattrs) content.capabilities++
    }
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    content.fault = error.message
  }
  return content
}

/** What a guest of Confidential Containers makes of the layers: it unpacks them with tokio-tar. */
export function guestContentFindings({ content }: ImageFacts): Finding[] {
  if (content === null) return []
  const { fault, devices, attributes, capabilities } = content
  if (fault !== null)
    return [fails('archive', fault, 'Write the layer again with a current tool: build-reproducible does.')]
  const says = (number: number, text: string): Finding[] => (number === 0 ? [] : [note('archive', text)])
  return [
    ...says(devices, `it makes empty files of ${counted(devices, 'device or fifo', 'devices and fifos')}`),
    ...says(
      attributes,
      `it leaves out the extended attributes of ${counted(attributes, 'folder or link', 'folders and links')}`,
    ),
    ...says(capabilities, `${counted(capabilities, 'file')} may lose file capabilities, since it sets the owner last`),
  ]
}

/** Other engines agree on more archives than guests do, so that for them it is no refusal. */
export function archiveNotes({ content }: ImageFacts): Finding[] {
  if (content === null || content.fault === null) return []
  return [note('archive', `readers could take a layer in several ways: ${content.fault}`)]
}
