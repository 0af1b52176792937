import { VerificationError } from '../base/errors.ts'
import { isObject, parseJson } from '../base/json.ts'
import { duplicateMember } from '../base/json-members.ts'
import { jcs } from '../encoding/jcs.ts'
import { isDigest } from '../oci/digest.ts'
import type { Digest } from '../oci/types.ts'

export const simpleSigningMediaType = 'application/vnd.dev.cosign.simplesigning.v1+json'
const signatureType = 'cosign container image signature'

export interface SimpleSigning {
  dockerReference: string
  digest: Digest
}

/**
 * The payload of cosign's legacy image signature. `optional` is null: container-libs and image-rs read only `critical`.
 *
 * @param dockerReference `host/name` without tag; readers compare it with where they pulled from
 */
export function simpleSigningPayload({ dockerReference, digest }: SimpleSigning): Buffer {
  return jcs({
    critical: {
      identity: { 'docker-reference': dockerReference },
      image: { 'docker-manifest-digest': digest },
      type: signatureType,
    },
    optional: null,
  })
}

/**
 * Reads such a payload as strictly as container-libs does: no member that is not known at the top and within `critical`, none twice.
 *
 * @throws VerificationError `format-invalid`
 */
export function parseSimpleSigning(bytes: Uint8Array): SimpleSigning {
  const text = Buffer.from(bytes).toString('utf8')
  const value = parseJson(text, 'the signature payload')
  // Go's reader takes the last member of a name, serde of the guests refuses two: the payload must name one image to both.
  if (duplicateMember(text) !== null) throw refuse('has a member twice')
  if (!isObject(value) || !onlyMembers(value, ['critical', 'optional'])) throw refuse('has unknown members')
  const { critical } = value
  if (!isObject(critical) || !onlyMembers(critical, ['identity', 'image', 'type']))
    throw refuse('has no critical part, or unknown members in it')
  const { identity, image, type } = critical
  if (type !== signatureType) throw refuse('is not of the cosign type')
  const dockerReference = isObject(identity) ? identity['docker-reference'] : undefined
  const digest = isObject(image) ? image['docker-manifest-digest'] : undefined
  if (typeof dockerReference !== 'string' || dockerReference === '') throw refuse('has no docker-reference')
  if (!isDigest(digest)) throw refuse('has no docker-manifest-digest')
  return { dockerReference, digest }
}

function onlyMembers(value: object, names: readonly string[]): boolean {
  return Object.keys(value).every((name) => names.includes(name))
}

function refuse(why: string): VerificationError {
  return new VerificationError('format-invalid', `the simple-signing payload ${why}`, { subject: 'signature' })
}
