import { VerificationError } from '../base/errors.ts'
import type { Digest } from './types.ts'

const form = /^sha256:[0-9a-f]{64}$/

/** Whether a value is a digest in the one form that we use: `sha256:` and 64 lower-case hex digits. */
export function isDigest(value: unknown): value is Digest {
  return typeof value === 'string' && form.test(value)
}

/**
 * A digest from foreign data. Its hex part becomes a file name in a layout and a path segment in a registry's URL,
 * so nothing but the exact form passes.
 *
 * @throws VerificationError `format-invalid`
 */
export function asDigest(value: unknown, subject: string): Digest {
  if (isDigest(value)) return value
  throw new VerificationError('format-invalid', `${subject}: ${JSON.stringify(value)} is not a sha256 digest`, {
    subject,
    remedy: 'Only digests of the form sha256:<64 hex digits> are supported.',
  })
}

/** The 64 hex digits. */
export function hexOf(digest: Digest): string {
  return digest.slice('sha256:'.length)
}

/** `sha256-<hex>`: the referrers fallback tag (distribution-spec 1.1, "Referrers Tag Schema") and the stem of cosign's tags. */
export function fallbackTag(digest: Digest): string {
  return `sha256-${hexOf(digest)}`
}

/** Tags that stand for something attached to an image and are no images: cosign's legacy tags and the fallback tag. */
export function isAttachedTag(tag: string): boolean {
  return /^sha256-[0-9a-f]{64}(\.(sig|att|sbom))?$/.test(tag)
}
