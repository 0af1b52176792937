import { isObject, textOf, type JsonValue } from '../../base/json.ts'
import { plainForms } from '../journal-roles.ts'
import { isEncrypted } from '../encrypted.ts'
import type { Gate } from '../candidate.ts'
import { failed, passed, skipped, type Outcome, type Step } from '../step.ts'

/** TRUST §5.10: the link from the encrypted manifest to the plain one that was built. */
export const encryptionSteps: Step[] = [
  { id: 'encryption.link', clause: 'TRUST §5.10', needs: ['image', 'key'], run: link },
]

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

function manifestOf(value: JsonValue | undefined): string {
  const found = isObject(value) ? value['manifest'] : undefined
  return typeof found === 'string' ? found : 'nothing'
}
