import { SealwrightError, VerificationError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { worstStatus } from './ear-vector.ts'
import { readJwt } from './jwt.ts'
import { sampleGuest } from './keyed-attester.ts'
import { rcarSession } from './rcar.ts'

/**
 * Asks a KBS, after a generated attestation policy was uploaded, to appraise evidence that none of its values fit: `sample`, which anybody can make.
 *
 * @returns what came out, in words
 * @throws VerificationError `policy-unsafe` where the KBS affirms it: then another policy judges than the one that was uploaded
 */
export async function probeGenerated(url: string, ports: Ports): Promise<string> {
  let token: string
  try {
    token = await rcarSession(url, sampleGuest(), ports).token()
  } catch (error) {
    if (!(error instanceof SealwrightError) || error.code !== 'kbs-error') throw error
    return 'Probed live: the KBS does not appraise sample evidence. Evidence of the hardware with another value was not probed live.'
  }
  const { status } = worstStatus(readJwt(token, 'EAR').claims)
  if (status !== 'affirming')
    return `Probed live: sample evidence, which no value of the plan fits, is appraised as ${status}. Evidence of the hardware with another value was not probed live.`
  throw new VerificationError(
    'policy-unsafe',
    `${url} affirms sample evidence, which the uploaded attestation policy does not`,
    {
      subject: 'attestation-policy',
      remedy:
        'Another policy judges there: look at `policy_ids` and at the storage of the Attestation Service, and remove the sample verifier. Until then its verdicts prove nothing.',
    },
  )
}
