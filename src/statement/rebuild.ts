import { VerificationError } from '../base/errors.ts'
import type { JsonObject } from '../base/json.ts'
import type { Digest } from '../oci/types.ts'
import type { BuildRecord } from './types.ts'

/**
 * Predicate of a rebuild that gave the same image. `same-job` says only "consistent": other machines and parties sign their own
 * (TRUST §4, §5.9). A failed rebuild is never signed.
 *
 * @throws VerificationError `not-reproducible` when one differed, `role-mismatch` when nothing was rebuilt
 */
export function rebuildPredicate(record: BuildRecord, recordDigest: Digest): JsonObject {
  const { count, matched, independence } = record.rebuilds
  const subject = record.image.manifest
  if (count < 1)
    throw new VerificationError('role-mismatch', 'the image was not rebuilt', {
      subject,
      remedy: 'Build it with `rebuilds: 1` or more.',
    })
  if (matched !== count) {
    throw new VerificationError('not-reproducible', `only ${matched} of ${count} rebuilds gave the same image`, {
      subject,
      remedy: 'Read the build report: it names the files and fields that differ.',
    })
  }
  return {
    image: { manifest: record.image.manifest, config: record.image.config },
    rebuilds: { count, matched },
    independence,
    builder: { name: record.builder.name, version: record.builder.version },
    buildRecord: { digest: recordDigest },
  }
}
