import { algorithmOf } from '../base/streams.ts'
import { InputError, VerificationError } from '../base/errors.ts'
import type { Digest } from './types.ts'

const form = /^(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/

/** The algorithm of what we make ourselves. */
const own = 'sha256:'

/** Whether a value is a digest in the one form that we read: `sha256:`, `sha384:` or `sha512:` and lower-case hex digits (image-spec 1.1 descriptor.md). */
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
  throw new VerificationError(
    'format-invalid',
    `${subject}: ${JSON.stringify(value)} is not a sha256, sha384 or sha512 digest`,
    {
      subject,
      remedy: 'Only sha256:<64 hex digits>, sha384:<96 hex digits> and sha512:<128 hex digits> are supported.',
    },
  )
}

/** A digest that an input gives. @throws InputError `input-invalid` */
export function digestInput(input: string, text: string): Digest {
  if (isDigest(text)) return text
  throw new InputError('input-invalid', `${input}: ${JSON.stringify(text)} is not a digest`, {
    subject: input,
    remedy: `Write sha256: and 64 lower-case hex digits in \`${input}\`.`,
  })
}

/** The hex digits: 64 of SHA-256, 96 of SHA-384, 128 of SHA-512. */
export function hexOf(digest: Digest): string {
  return digest.slice(own.length)
}

/** A digest as statements write it: the hex digits under the algorithm (in-toto DigestSet). */
export function digestSet(digest: Digest): Record<string, string> {
  return { [algorithmOf(digest)]: hexOf(digest) }
}

/** The referrers fallback tag (distribution-spec 1.1, "Referrers Tag Schema"): algorithm, dash, the first 64 hex digits. */
export function fallbackTag(digest: Digest): string {
  return `${algorithmOf(digest)}-${hexOf(digest).slice(0, 64)}`
}

/**
 * Tags that stand for something attached to an image and are no images: cosign's legacy tags, the fallback tag, and what other tools hang on a digest
 * in the same way (`sha256-HEX.vex`).
 */
export function isAttachedTag(tag: string): boolean {
  return /^sha(?:256|384|512)-[0-9a-f]{64}(?:\.[\w.-]*)?$/.test(tag)
}

/** Of these the tags whose meaning is known: cosign's. */
export function isCosignTag(tag: string): boolean {
  return /^sha(?:256|384|512)-[0-9a-f]{64}\.(?:sig|att|sbom)$/.test(tag)
}
