import { InputError, TransportError } from '../base/errors.ts'
import { algorithmOf } from '../base/streams.ts'
import { isDigest } from './digest.ts'

/**
 * Gives the remedy for the two refusals of a manifest that trying again never helps: a tag that must not move, and a registry that does not
 * accept the field `subject`. Other errors are returned as they are.
 *
 * @param reference tag or digest that the manifest was sent to
 */
export function refusedManifest(error: TransportError, reference: string): TransportError {
  const remedy = remedyOf(error.message, reference)
  return remedy === null
    ? error
    : new TransportError('registry-error', error.message, { subject: error.subject, remedy, cause: error })
}

function remedyOf(message: string, reference: string): string | null {
  if (!isDigest(reference) && /TAG_INVALID|immutable|cannot be overwritten/i.test(message)) {
    return /^sha(?:256|384|512)-/.test(reference)
      ? 'This registry has no referrers API, so what is attached to an image is listed under this tag. Exempt tags that begin with "sha256-" from its rule of immutable tags.'
      : 'The registry does not allow this tag to be moved: use another tag.'
  }
  return /MANIFEST_INVALID.*\bsubject\b/.test(message)
    ? 'This registry does not accept manifests with a "subject" (OCI 1.1), so nothing can be attached to an image there: use another registry or an OCI layout.'
    : null
}

/** docker-registry and others name manifests by SHA-256 alone: they have to know the algorithm by which one is asked for (image-spec 1.1 descriptor.md). */
export function withoutAlgorithm(reference: string, host: string, error: TransportError): TransportError | InputError {
  const algorithm = isDigest(reference) ? algorithmOf(reference) : 'sha256'
  if (algorithm === 'sha256' || /_UNKNOWN/.test(error.message)) return error
  return new InputError(
    'unsupported',
    `${host} does not take the ${algorithm} digest of a manifest: ${error.message}`,
    {
      subject: reference,
      remedy:
        'Use a registry that names manifests by this algorithm, an OCI layout, or an image that is named by SHA-256.',
      cause: error,
    },
  )
}
