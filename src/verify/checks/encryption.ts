import { isObject, textOf, type JsonValue } from '../../base/json.ts'
import { disagree, encryptsOf, plainForms } from '../journal-roles.ts'
import { isEncryptedType } from '../../oci/descriptor.ts'
import { isEncrypted } from '../encrypted.ts'
import type { Gate } from '../candidate.ts'
import { failed, passed, skipped, type Outcome, type Step } from '../step.ts'

/** TRUST §5.10: what must be encrypted is, and the link from the encrypted manifest to the plain one that was built. */
export const encryptionSteps: Step[] = [
  { id: 'encryption.layers', clause: 'TRUST §5.10', needs: ['image'], run: layersHeld },
  { id: 'encryption.link', clause: 'TRUST §5.10', needs: ['image', 'key'], run: link },
]

/** Which layers are encrypted is a wish of the job, so a policy that speaks of encryption expects all of them. */
function layersHeld({ subject, policy }: Gate): Outcome {
  const rules = policy.document.encryption
  const layers = subject.image?.manifest.layers ?? []
  if (rules === undefined) return skipped('the policy has no section encryption')
  const plain = layers.flatMap(({ mediaType }, i) => (isEncryptedType(mediaType) ? [] : [i]))
  if (plain.length === 0) return passed(`all ${layers.length} layers are encrypted`)
  if (plain.length === layers.length)
    return failed('parameters-refused', 'no layer is encrypted, but the policy has a section encryption')
  if (rules.layers === 'some') return passed(`${layers.length - plain.length} of ${layers.length} layers are encrypted`)
  return failed(
    'parameters-refused',
    `layer ${plain.join(', ')} is in clear, but \`encryption.layers\` of the policy asks for all of them`,
  )
}

function link(gate: Gate): Outcome {
  const { image, descriptor } = gate.subject
  if (image === null || !isEncrypted(image)) return skipped('no layer is encrypted')
  const claim = gate.mine.find(({ kind }) => kind === 'encryption')
  if (claim === undefined) return failed('missing-statement', 'no statement says what the encrypted image was made of')
  const broken = (why: string): Outcome => failed('encryption-link', why, claim.manifest)
  const { plain, encrypted, config, layers } = claim.statement.predicate
  const plainDigest = manifestOf(plain)
  if (manifestOf(encrypted) !== descriptor.digest)
    return broken(`the statement is of the encrypted image ${manifestOf(encrypted)}`)
  if (config !== image.configDigest)
    return broken(`the statement is of the configuration ${textOf(config)}, the image has ${image.configDigest}`)
  if (!Array.isArray(layers) || layers.length !== image.manifest.layers.length)
    return broken('the statement has another number of layers than the image')
  for (const [i, layer] of layers.entries()) {
    const found = isObject(layer) ? layer : {}
    if (found['encrypted'] !== image.manifest.layers[i]?.digest)
      return broken(`layer ${i} is not the one that was encrypted`)
    if (found['diffId'] !== image.config.rootfs.diff_ids[i])
      return broken(`layer ${i} has another diff id than the configuration`)
  }
  const events = (gate.found.journal ?? []).slice(0, gate.found.sealed)
  const encrypts = encryptsOf(events, descriptor.digest)
  if (disagree(encrypts)) return broken('the journal names more than one plain image that it was made of')
  const other = encrypts.find(({ result }) => !samePairs(result['layers'], layers))
  if (other !== undefined) return broken('the statement has other layers than the encryption in the journal')
  if (gate.found.journal !== null && !plainForms(events, descriptor.digest, true).slice(1).includes(plainDigest)) {
    return broken(
      `the statement says that ${plainDigest} was encrypted; the journal has ${plainForms(events, descriptor.digest, true).slice(1).join(', ') || 'nothing'}`,
    )
  }
  if (gate.found.plainDigest !== null && gate.found.plainDigest !== plainDigest) {
    return broken(`${plainDigest} was encrypted, but the attested build made ${gate.found.plainDigest}`)
  }
  gate.found.plainDigest = plainDigest
  return passed(`it is the encrypted form of ${plainDigest}`, claim.manifest)
}

/** Plain and encrypted digest of each layer, as event and statement name them. */
function samePairs(event: JsonValue | undefined, statement: readonly JsonValue[]): boolean {
  const pairs = statement.map((layer) => (isObject(layer) ? [layer['plain'] ?? '', layer['encrypted'] ?? ''] : []))
  return JSON.stringify(event) === JSON.stringify(pairs)
}

function manifestOf(value: JsonValue | undefined): string {
  const found = isObject(value) ? value['manifest'] : undefined
  return typeof found === 'string' ? found : 'nothing'
}
