import { InputError, VerificationError } from '../../base/errors.ts'
import { sha256 } from '../../base/streams.ts'
import { version } from '../../base/version.ts'
import { parseJcs } from '../../encoding/jcs.ts'
import type { Digest } from '../../oci/types.ts'
import { builderId } from '../../statement/builder-id.ts'
import { inventoryPredicate } from '../../statement/inventory.ts'
import { provenancePredicate } from '../../statement/provenance.ts'
import { rebuildPredicate } from '../../statement/rebuild.ts'
import { makeStatement } from '../../statement/statement.ts'
import { inventoryMediaType, type BuildRecord } from '../../statement/types.ts'
import type { Material } from './material.ts'
import type { Published } from './source.ts'

/**
 * The payload of a statement where no agent runs: made of what is at hand, for a plain key to sign. Its builder is `plain`.
 *
 * @throws VerificationError `role-mismatch` for a build record of another image
 */
export function keyedPayload({ kind, documents }: Material, published: Published, name: string): Buffer {
  const subject = { name, digest: published.descriptor.digest }
  const document = (key: string): Buffer => {
    const bytes = documents[key]
    if (bytes === undefined)
      throw new InputError('file-missing', `there is no ${key}`, {
        subject: kind,
        remedy: 'Run the step that makes it.',
      })
    return bytes
  }
  switch (kind) {
    case 'sign':
      return makeStatement(kind, subject, {})
    case 'provenance':
    case 'rebuild': {
      const bytes = document('build-record')
      const record = buildRecord(bytes, published)
      const recordDigest = sha256(bytes)
      if (kind === 'rebuild') return makeStatement(kind, subject, rebuildPredicate(record, recordDigest))
      const job = { assurance: 'none', instance: null, claims: {} } as const
      return makeStatement(
        kind,
        subject,
        provenancePredicate({ record, recordDigest, job, builderId: builderId(null), version }),
      )
    }
    case 'spdx':
    case 'spdx3':
    case 'cyclonedx':
      return makeStatement(kind, subject, { document: document(kind) })
    case 'inventory': {
      const bytes = document('inventory')
      const config = document('config')
      return makeStatement(
        kind,
        subject,
        inventoryPredicate({
          document: { digest: sha256(bytes), mediaType: inventoryMediaType, size: bytes.length },
          config: sha256(config),
          diffIds: (JSON.parse(config.toString('utf8')) as { rootfs: { diff_ids: Digest[] } }).rootfs.diff_ids,
          files: countLines(bytes),
        }),
      )
    }
    case 'encryption':
      throw new InputError('no-agent', 'an encryption statement needs the journal of the agent that encrypted', {
        subject: kind,
        remedy: 'Run setup-cvm-runner and encrypt in this job.',
      })
  }
}

function buildRecord(bytes: Buffer, { plain }: Published): BuildRecord {
  const record = parseJcs(bytes, 'build record') as unknown as BuildRecord
  if (record.v === 1 && record.image.manifest === plain) return record
  throw new VerificationError('role-mismatch', 'the build record is not of this image', {
    subject: plain,
    remedy: 'Build the image again, or leave provenance out of statements.',
  })
}

/** Each entry of an inventory is a line of its own. */
function countLines(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(0x0a); at !== -1; at = bytes.indexOf(0x0a, at + 1)) count++
  return count
}
