import type { Digest } from '../../oci/types.ts'
import type { Checksum } from '../model.ts'
import type { ModelFacts } from './model/facts.ts'

/** What can be described (INTERFACE §3). */
export const subjectKinds = ['image', 'directory', 'source', 'disk', 'model', 'dataset'] as const
export type SubjectKind = (typeof subjectKinds)[number]

/** Subjects that are a tree of files and not an image of layers. */
export const treeKinds = ['directory', 'source', 'disk', 'model', 'dataset'] as const
export type TreeKind = (typeof treeKinds)[number]

/** When in the life of a thing it was described, in the words of CycloneDX 1.6 (`metadata.lifecycles`). */
export type Lifecycle = 'pre-build' | 'build' | 'post-build'

/** What the documents name as the thing that they describe. Every member is a fact of the thing, none of the host. */
export interface Subject {
  kind: SubjectKind
  name: string
  /** A commit, for source; null where the thing has no version of its own. */
  version: string | null
  /**
   * Stands for the whole: the configuration of an image, the tree digest of a folder (docs/sbom-subjects.md), the SHA-256 of a disk
   * image's bytes, the root digest of a model's or dataset's signing manifest (OMS 1.0).
   */
  digest: Digest
  /** Digests of the thing by the algorithms that documents know. */
  checksums: Checksum[]
  /** Further names and digests, each a type and a value, in a fixed order: `git-commit`, `git-tree`, `swhid`, `tree-digest`, `partition`. */
  identifiers: [type: string, value: string][]
  lifecycle: Lifecycle
  /** Where exactly these bytes can be fetched, as SPDX writes it: `git+https://HOST/NAME@COMMIT`. Null where nobody said. */
  download: string | null
  /** What headers and cards of a model or dataset say. */
  model?: ModelFacts | undefined
}
