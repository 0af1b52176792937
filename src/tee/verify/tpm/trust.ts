import type { KeyObject } from 'node:crypto'
import { fromBase64 } from '../../../encoding/base64.ts'
import type { TrustFacts } from '../../facts/tpm.ts'
import type { TeeEvidence } from '../../types.ts'
import type { Steps } from '../steps.ts'
import type { VerifyContext } from '../verifier.ts'
import { readActivation } from './activation.ts'
import { keyFingerprint } from './attestation-key.ts'
import { judgeMakerCertificate } from './maker-chain.ts'
import type { TpmPublic } from './public.ts'

export interface KeyTrust {
  facts: TrustFacts
  /** A maker's chain reaches the attestation key. Otherwise it counts as a key in a program. */
  hardware: boolean
  /** A registrar vouches for the Name, and so for all of the public area beside the quote. */
  named: boolean
}

/**
 * Who vouches for the attestation key (tee.md §6.2 step 1): a maker's certificate of that very key, or a maker's certificate of the endorsement
 * key and a registrar's word that both are of one TPM. A certificate whose root nobody pinned proves nothing and is only told.
 */
export function judgeKeyTrust(
  { documents }: TeeEvidence,
  { key, area }: { key: KeyObject; area: TpmPublic | null },
  { at, collateral, rules: { tpm: trust = {} } }: VerifyContext,
  steps: Steps,
): KeyTrust {
  const ak = keyFingerprint(key)
  const pinned = trust.trustedKeys?.includes(ak) === true
  const makers = { roots: trust.ekRoots ?? [], authorities: collateral.tpmAuthorities, at }
  const certificate = (name: string) => {
    const text = documents[name]
    return text === undefined ? null : judgeMakerCertificate(name, () => fromBase64(text, name), makers, steps)
  }
  const own = certificate('ak-certificate')
  if (own !== null) steps.note('ak-certificate-key', own.keyFingerprint === ak, 'the certificate is of the quoting key')
  const endorsement = certificate('ek-certificate')
  const activation = readActivation(documents, trust.registrars ?? [], steps)
  const tied =
    endorsement !== null &&
    activation !== null &&
    area !== null &&
    steps.note(
      'ak-activation-keys',
      activation.ek === endorsement.keyFingerprint &&
        activation.ak === ak &&
        activation.name === area.name.toString('hex'),
      'the record ties this attestation key, by its Name, to this endorsement key',
    )
  const hardware = own?.trusted === true || (endorsement?.trusted === true && tied)
  const why = hardware
    ? 'a chain of the TPM’s maker reaches the attestation key'
    : pinned
      ? 'the attestation key is pinned, and no chain of a TPM maker reaches it'
      : `nobody vouches for the attestation key: a software TPM${gap(endorsement, activation !== null, area !== null)}`
  steps.note('ak-trust', hardware || pinned || trust.acceptSoftwareTpm === true, why)
  return {
    hardware,
    named: tied,
    facts: {
      softwareTpm: !hardware,
      akPinned: pinned,
      akCertificate: own?.facts ?? null,
      ekCertificate: endorsement?.facts ?? null,
      akActivation:
        activation === null ? null : { ek: activation.ek, registrar: activation.registrar, time: activation.time },
    },
  }
}

/** What is missing on the way from a maker to the attestation key. */
function gap(endorsement: { trusted: boolean } | null, activated: boolean, area: boolean): string {
  if (endorsement === null) return ''
  if (!endorsement.trusted) return '; its endorsement certificate has no pinned root'
  if (!activated) return '; no pinned registrar tied it to the endorsement key'
  return area ? '' : '; its public area (ak-tpmt) is missing'
}
