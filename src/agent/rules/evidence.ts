import { VerificationError } from '../../base/errors.ts'
import { jobDigest } from '../../journal/binding.ts'
import { roles } from '../../journal/event.ts'
import { evidenceMediaTypes } from '../../journal/evidence-bundle.ts'
import { evidenceManifest } from '../../journal/evidence-manifest.ts'
import { mediaTypes } from '../../oci/types.ts'
import { evidencePredicate } from '../../statement/evidence.ts'
import { makeStatement } from '../../statement/statement.ts'
import { eventWith, requirePublished, type Rule } from './context.ts'

/** Evidence: points at the bundle of the last seal, whose manifest is made here once more; anything else is refused. */
export const evidence: Rule = (context) => {
  const { events, subject, sealed, job } = context
  if (eventWith(events, 'verify', 'inputs', roles.image, subject) === null) requirePublished(events, subject)
  const wanted = context.evidence
  if (sealed === null) throw unsealed('nothing was sealed yet')
  if (wanted === undefined) throw unsealed('the request names no evidence')
  const { descriptor } = evidenceManifest(sealed, { ...wanted.subject, digest: subject })
  if (descriptor.digest !== wanted.digest || descriptor.size !== wanted.size) {
    throw unsealed(`${wanted.digest} is not the manifest of the last seal's evidence (${descriptor.digest})`)
  }
  return makeStatement(
    'evidence',
    { digest: subject },
    evidencePredicate({
      manifest: {
        digest: descriptor.digest,
        mediaType: mediaTypes.manifest,
        artifactType: evidenceMediaTypes.index,
        size: descriptor.size,
      },
      technology: context.technology,
      keyId: context.keyId,
      jobDigest: jobDigest(job),
      instance: job.instance,
    }),
  )
}

function unsealed(why: string): VerificationError {
  return new VerificationError('unsealed', `no evidence can be stated: ${why}`, {
    subject: 'evidence',
    remedy: 'Seal first, and state the evidence over exactly that bundle.',
  })
}
