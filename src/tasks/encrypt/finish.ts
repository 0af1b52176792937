import { reachesItself } from '../../base/loopback.ts'
import { encryptImage, putEncrypted } from '../../encrypt/encrypt-image.ts'
import type { Recipient, RecipientScheme } from '../../encrypt/recipients.ts'
import { roles } from '../../journal/event.ts'
import { formatReference } from '../../oci/reference.ts'
import type { Descriptor, Digest } from '../../oci/types.ts'
import { type Outcome, type TaskContext, type TaskEvent } from '../context.ts'
import { imageInputs } from '../images.ts'
import { keyUris, makeKeys, type PreparedEncryption } from './prepare.ts'
import { writeRecord, type EncryptionRecord } from './record.ts'
import { noSteps } from '../../statement/isolation.ts'

/** What an encryption gives to its step. */
export interface EncryptResult {
  /** `…:TAG@DIGEST`, or without a tag where none was set. */
  reference: string
  digest: Digest
  plainDigest: Digest
  layers: EncryptionRecord['layers']
  recipients: { scheme: RecipientScheme; keyId: string }[]
  /** `kbs:` keys of the image. */
  keyUris: string[]
  /** The image of an earlier run was found. */
  again: boolean
  /** The agent keeps the keys. */
  agent: boolean
}

/**
 * Encrypts what is not yet encrypted and puts the manifest. A run that was killed before its manifest, tag, event or note was written is
 * completed here.
 *
 * @param done layers that were encrypted already, by plain digest
 */
export async function finishEncryption(
  prepared: PreparedEncryption,
  context: TaskContext,
  done?: ReadonlyMap<Digest, Descriptor>,
): Promise<Outcome<EncryptResult>> {
  const { image, target, plan, found } = prepared
  const record = found ?? (await encryptNow(prepared, context, done))
  const made = await putEncrypted(plan.target, record.manifest, target.tag)
  const recipients = plan.recipients.map(({ scheme, keyId }) => ({ scheme, keyId }))
  const result: EncryptResult = {
    reference: formatReference({ ...target, digest: made.digest }),
    digest: made.digest,
    plainDigest: image.descriptor.digest,
    layers: record.layers,
    recipients,
    keyUris: keyUris(plan.recipients),
    again: found !== null,
    agent: context.agent !== null,
  }
  return { result, events: [encryptionEvent(prepared, made, record, plan.recipients)] }
}

async function encryptNow(
  prepared: PreparedEncryption,
  context: TaskContext,
  done: ReadonlyMap<Digest, Descriptor> | undefined,
): Promise<EncryptionRecord> {
  const { image, source, plan, layers, path } = prepared
  await makeKeys(prepared, context)
  const { log } = context.ports
  return encryptImage(source, image, plan, { layers, done, log, beforeManifest: (made) => writeRecord(path, made) })
}

/** The event of an encryption that is stored. */
export function encryptionEvent(
  { image, source, kbs }: PreparedEncryption,
  made: Descriptor,
  record: EncryptionRecord,
  recipients: readonly Recipient[],
): TaskEvent {
  return {
    facts: {
      kind: 'encrypt',
      inputs: imageInputs(image, source.identity),
      outputs: [{ role: roles.image, name: source.identity, digest: made.digest, mediaType: made.mediaType }],
      result: {
        layers: record.layers.map(({ plain, encrypted }) => [plain, encrypted]),
        recipients: recipients.map(({ scheme, keyId }) => ({ scheme, keyId })),
        kbs: placeOf(kbs?.name ?? null),
        kbsUrl: kbs === null || placeOf(kbs.name) === 'embedded' ? null : kbs.name,
        kbsKey: kbs?.serverKey ?? null,
      },
    },
    isolation: noSteps,
  }
}

/**
 * What takes the keys (TRUST §4): an embedded KBS hands them to whoever reads its folder; what answers on loopback is a process of this machine,
 * and any of the job's own can listen there.
 */
export function placeOf(kbs: string | null): 'embedded' | 'loopback' | 'external' | null {
  if (kbs === null) return null
  if (kbs.startsWith('embedded:')) return 'embedded'
  return URL.canParse(kbs) && !reachesItself(new URL(kbs).hostname) ? 'external' : 'loopback'
}
