import type { DocumentIdentity } from '../documents/model.ts'
import type { Subject, SubjectKind } from './types.ts'

/** What each kind is in CycloneDX' words. */
const types: Readonly<Record<SubjectKind, string>> = {
  image: 'container',
  directory: 'application',
  source: 'application',
  disk: 'operating-system',
  model: 'machine-learning-model',
  dataset: 'data',
}

/** How documents name a subject that is not an image. Its digest is its version where it has no other: that much is known. */
export function subjectIdentity(
  subject: Subject,
): Pick<DocumentIdentity, 'name' | 'version' | 'type' | 'configDigest' | 'platform' | 'checksums' | 'references'> {
  const { kind, name, version, digest, checksums, download } = subject
  return {
    name,
    version: version ?? digest,
    type: types[kind],
    configDigest: null,
    platform: null,
    checksums,
    references: download === null ? [] : [{ type: 'vcs', url: download, checksums: [] }],
  }
}

/** Names and digests of a subject that documents have no field for. */
export function subjectProperties({ kind, digest, identifiers }: Subject): [name: string, value: string][] {
  return [
    ['sealwright:subject:kind', kind],
    ['sealwright:subject:digest', digest],
    ...identifiers.map(([name, value]): [string, string] => [`sealwright:subject:${name}`, value]),
  ]
}
