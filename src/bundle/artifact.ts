import { createHash } from 'node:crypto'
import { VerificationError } from '../base/errors.ts'
import { fromHex } from '../encoding/base64.ts'
import type { StatementTarget } from '../statement/types.ts'
import { algorithmOf } from '../base/streams.ts'
import { hexOf } from '../oci/digest.ts'
import type { Digest } from '../oci/types.ts'
import type { DigestName } from '../sign/digest-signature.ts'

/** What a signature has to be over: bytes, or only their digest. */
export interface Artifact {
  /** For reasons: a path or a digest. */
  name: string
  /** Null where only digests are known. */
  bytes: Uint8Array | null
  /** Null for a hash that is not known of it. */
  digest(hash: DigestName): Buffer | null
}

/** An artifact whose bytes are at hand; each digest is computed when it is asked for, once. */
export function artifactOf(bytes: Uint8Array, name: string): Artifact {
  const known = new Map<DigestName, Buffer>()
  return {
    name,
    bytes,
    digest: (hash) => {
      const digest = known.get(hash) ?? createHash(hash).update(bytes).digest()
      known.set(hash, digest)
      return digest
    },
  }
}

/** An artifact of which only one digest is known. */
export function artifactOfDigest(digest: Digest): Artifact {
  const known = algorithmOf(digest)
  const value = Buffer.from(hexOf(digest), 'hex')
  return { name: digest, bytes: null, digest: (hash) => (hash === known ? value : null) }
}

/** What a subject of a statement names, by its digests. @throws VerificationError `format-invalid` for none that is compared */
export function artifactOfSubject({ name, digest }: StatementTarget): Artifact {
  const known = new Map<DigestName, Buffer>()
  for (const hash of ['sha256', 'sha384', 'sha512'] as const) {
    const hex = digest[hash]
    if (hex !== undefined) known.set(hash, fromHex(hex, Number(hash.slice(3)) / 8, `${hash} of a subject`))
  }
  if (known.size === 0)
    throw new VerificationError('format-invalid', 'the subject of the statement has no SHA-2 digest', {
      subject: 'subject',
    })
  return { name: name ?? 'the subject of the statement', bytes: null, digest: (hash) => known.get(hash) ?? null }
}

/** An artifact that is read once and not kept: for files larger than memory. */
export async function digestArtifact(source: AsyncIterable<Uint8Array>, name: string): Promise<Artifact> {
  const hashes = (['sha256', 'sha384', 'sha512'] as const).map((hash) => [hash, createHash(hash)] as const)
  for await (const part of source) for (const [, hash] of hashes) hash.update(part)
  const digests = new Map(hashes.map(([name, hash]) => [name, hash.digest()]))
  return { name, bytes: null, digest: (hash) => digests.get(hash) ?? null }
}
