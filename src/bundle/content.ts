import { VerificationError } from '../base/errors.ts'
import { fromEitherBase64 } from '../encoding/base64.ts'
import { verifyDigest, type DigestName } from '../sign/digest-signature.ts'
import { envelopePayload, pae } from '../sign/dsse.ts'
import { verifySignature, type PublicKey } from '../sign/public-key.ts'
import { parseStatement, subjectInWords } from '../statement/statement.ts'
import type { Statement } from '../statement/types.ts'
import type { Artifact } from './artifact.ts'
import type { BundleContent } from './read.ts'

/** Digests that a subject of a statement is compared by, in in-toto's names. A weaker one that is equal proves nothing. */
const subjectHashes: readonly DigestName[] = ['sha256', 'sha384', 'sha512']

/**
 * Checks the one signature of a bundle.
 *
 * @returns the raw signature, which logs and time stamps are about
 * @throws VerificationError `signature-invalid`, `format-invalid` for an envelope with several signatures
 */
export function checkSignature(content: BundleContent, key: PublicKey, artifact: Artifact): Buffer {
  const { signature, good } =
    content.kind === 'envelope' ? ofEnvelope(content, key) : ofArtifact(content, key, artifact)
  if (good) return signature
  throw new VerificationError(
    'signature-invalid',
    'the signature is not by the key that is expected, or over other content',
    {
      subject: content.kind === 'envelope' ? 'DSSE envelope' : artifact.name,
      remedy: 'Check the key, the bundle and the artifact.',
    },
  )
}

function ofEnvelope({ envelope }: Extract<BundleContent, { kind: 'envelope' }>, key: PublicKey) {
  const [only, second] = envelope.signatures
  // Sigstore's bundles have one: a log entry and a stamp say nothing of a second one.
  if (only === undefined || second !== undefined) {
    throw new VerificationError('format-invalid', 'the envelope of a bundle does not have exactly one signature', {
      subject: 'DSSE envelope',
    })
  }
  const signature = fromEitherBase64(only.sig, 'envelope signature')
  const good = verifySignature(key, pae(envelope.payloadType, envelopePayload(envelope)), signature)
  return { signature, good }
}

function ofArtifact(
  { signature, digest }: Extract<BundleContent, { kind: 'message' }>,
  key: PublicKey,
  artifact: Artifact,
): { signature: Buffer; good: boolean } {
  const own = digest === null ? null : artifact.digest(digest.hash)
  if (digest !== null && own !== null && !own.equals(digest.value)) {
    throw new VerificationError(
      'subject-mismatch',
      `the bundle is over ${digest.hash}:${digest.value.toString('hex')}, not over "${artifact.name}"`,
      { subject: artifact.name, remedy: 'Give the file that was signed.' },
    )
  }
  if (artifact.bytes !== null) return { signature, good: verifySignature(key, artifact.bytes, signature) }
  if (key.object.asymmetricKeyType === 'ed25519') {
    throw new VerificationError(
      'not-checked',
      'a signature by an Ed25519 key is checked over the artifact, not its digest',
      {
        subject: artifact.name,
        remedy: 'Give the file instead of its digest.',
      },
    )
  }
  const good = subjectHashes.some((hash) => {
    const value = artifact.digest(hash)
    return value !== null && verifyDigest(key.object, hash, value, signature)
  })
  return { signature, good }
}

/**
 * Checks that the statement of a bundle speaks of the artifact: one of its subjects has a digest of it, by a hash that counts.
 *
 * @param predicateTypes types that are meant; any where it is left out
 * @returns null for a bundle over the artifact itself
 * @throws VerificationError `subject-mismatch`, `predicate-mismatch`, `format-invalid`
 */
export function checkContent(
  content: BundleContent,
  artifact: Artifact,
  predicateTypes: readonly string[] | undefined,
): Statement | null {
  if (content.kind === 'message') {
    if (predicateTypes === undefined) return null
    throw new VerificationError('predicate-mismatch', 'the bundle is over the artifact itself and makes no statement', {
      subject: artifact.name,
    })
  }
  const statement = parseStatement(envelopePayload(content.envelope))
  if (!statement.subject.some(({ digest }) => isOf(digest, artifact))) {
    throw new VerificationError(
      'subject-mismatch',
      `the statement speaks of ${subjectInWords(statement)}, not of "${artifact.name}"`,
      { subject: artifact.name, remedy: 'Give the artifact that the statement speaks of.' },
    )
  }
  if (predicateTypes !== undefined && !predicateTypes.includes(statement.predicateType)) {
    throw new VerificationError(
      'predicate-mismatch',
      `the statement is of the type ${statement.predicateType}; expected is ${predicateTypes.join(' or ')}`,
      { subject: statement.predicateType, remedy: 'Give the bundle of a statement of this type.' },
    )
  }
  return statement
}

/** Every digest that both know has to be equal, and there has to be one: a subject with one right and one wrong digest is two things. */
function isOf(digests: Readonly<Record<string, string>>, artifact: Artifact): boolean {
  const compared = subjectHashes.flatMap((hash) => {
    const found = digests[hash]
    const own = artifact.digest(hash)
    return found === undefined || own === null ? [] : [found === own.toString('hex')]
  })
  return compared.length > 0 && compared.every((equal) => equal)
}
