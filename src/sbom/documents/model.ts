import type { Digest } from '../../oci/types.ts'
import type { Checksum, Coverage, Gap, Party } from '../model.ts'
import type { ModelFacts } from '../subjects/model/facts.ts'

/** Formats that the readers know. */
export const documentFormats = [
  'spdx-json',
  'spdx-tag-value',
  'spdx3-json',
  'cyclonedx-json',
  'syft-json',
  'trivy-json',
  'github-json',
] as const
export type DocumentFormat = (typeof documentFormats)[number]

/**
 * One SBOM in neutral terms, whatever its format. Null always means that the document does not say it; an empty list means that the document
 * lists none. Lists are in the order of the document unless a field says otherwise.
 */
export interface SbomDocument {
  format: DocumentFormat
  /** Version of the format as the document gives it: `2.3`, `3.0.1`, `1.6`. */
  formatVersion: string
  /** Name of the document, or of its subject where the format has one name only. */
  name: string | null
  /** SPDX namespace or spdxId, CycloneDX serial number. */
  uri: string | null
  /** CycloneDX: version of the document. */
  revision: number | null
  identity: DocumentIdentity
  /** The program that made the document: the first of `tools`. */
  engine: DocumentTool | null
  tools: DocumentTool[]
  /** Names of the catalogers that ran, sorted. */
  catalogers: string[] | null
  /** When in the life of the subject the document was made. */
  lifecycle: Lifecycle | null
  /** What the document says of its own list of packages. */
  completeness: Completeness
  /** What the document names as not read. */
  gaps: Gap[]
  /** Persons and organizations that made the document. */
  authors: Party[]
  /** Who supplies the subject. */
  supplier: Party | null
  /** Seconds since 1970. */
  created: number | null
  /** Without the root (subject) itself. */
  packages: DocumentPackage[]
  /** All in one direction: `from` depends on or contains `to`. Ids are those of the packages, of files, or `identity.id`. */
  relationships: DocumentRelationship[]
  /** Files that the document itself lists. */
  files: DocumentFile[] | null
  /** Digest of the file inventory that belongs to the document. */
  inventory: Digest | null
  coverage: Coverage | null
  /** Facts that have no field here, in the document's own words: property, annotation and comment by name. */
  properties: [name: string, value: string][]
}

export const lifecycles = ['design', 'source', 'build', 'analyzed', 'deployed', 'runtime', 'other'] as const
export type Lifecycle = (typeof lifecycles)[number]

export type Completeness = 'complete' | 'incomplete' | 'unknown'

export interface DocumentTool {
  name: string
  version: string | null
}

/** What the document is about. */
export interface DocumentIdentity {
  /** Id of the root within the document; null where the document names none. */
  id: string | null
  name: string | null
  version: string | null
  /** `container`, `application`, `file`, `operating-system`, `machine-learning-model`, `data` …: CycloneDX' words, lower case. */
  type: string | null
  purl: string | null
  cpes: string[]
  manifestDigest: Digest | null
  configDigest: Digest | null
  /** In the order of the layers; empty where the document names none. */
  diffIds: Digest[]
  /** `linux/amd64`, `linux/arm/v7`. */
  platform: string | null
  checksums: Checksum[]
  licence: string | null
  /** Concluded licence. */
  concluded?: string | null | undefined
  producer: Party | null
  references: DocumentReference[]
  /** What the document says of the list of things that the subject depends on; null where it says nothing. */
  dependencies: Completeness | null
  /** What it says of a model or a dataset: CycloneDX' model card, SPDX' AI package. */
  model?: DocumentModel | undefined
}

/** Facts of a model; datasets and models that it was made from are packages, related by `trainedOn` and `descendantOf`. */
export type DocumentModel = Pick<ModelFacts, 'architecture' | 'family' | 'task' | 'languages' | 'properties'>

export interface DocumentPackage {
  /** Within the document: SPDXID, bom-ref, spdxId, or an index where the format has no ids. */
  id: string
  /** Type of its purl, else the document's own word; null where neither is there. */
  type: string | null
  /** The document's word for what it is: `library`, `operating-system`, `application`, `file` … */
  kind: string | null
  name: string
  version: string | null
  /** Canonical; as written (see `purlError`) where it is not valid. */
  purl: string | null
  /** True where `purl` is not a valid package URL. */
  purlError?: boolean | undefined
  cpes: string[]
  /** Other identifiers: SWID, SWHID, OmniBOR … */
  identifiers: [type: string, value: string][]
  /** Declared licence as the document writes it, an SPDX expression where it is one. */
  licence: string | null
  /** A declared licence that is no SPDX expression, or free text. */
  licenceText: string | null
  /** Concluded licence. */
  concluded: string | null
  supplier: Party | null
  /** Who made it: SPDX originator, CycloneDX manufacturer or authors. */
  producer: Party | null
  homepage: string | null
  checksums: Checksum[]
  /** Files that show it, sorted; relative to the root, without a leading slash. */
  locations: string[]
  /** As the document says; null means not said, which readers of CycloneDX take as `required`. */
  scope: 'required' | 'optional' | 'development' | 'build' | 'excluded' | null
  /** What the document says of the list of things that this package depends on; null where it says nothing. */
  dependencies: Completeness | null
  /** Which cataloger found it. */
  cataloger: string | null
  references: DocumentReference[]
  properties: [name: string, value: string][]
  /** Elements that the document declares unknown (NOASSERTION, NONE, property): `version`, `supplier`, `licence`, `checksums`. */
  declaredUnknown: string[]
}

export interface DocumentReference {
  /** CycloneDX' words: `website`, `vcs`, `distribution`, `source-distribution`, `bom` … */
  type: string
  url: string
  checksums: Checksum[]
}

export interface DocumentRelationship {
  from: string
  /** `contains` between two packages: the first one brought the second one. */
  type: 'contains' | 'depends-on' | 'generated-from' | 'other'
  to: string
  /** For `other`, and for a finer word: the document's own. */
  detail?: string | undefined
}

export interface DocumentFile {
  id: string
  /** Relative to the root, without a leading slash or `./`. */
  path: string
  checksums: Checksum[]
}

/** The key under which two documents compare a package: its purl, else type, name and version. */
export function packageKeyOf({ purl, type, name, version }: DocumentPackage): string {
  return purl ?? `${type ?? 'unknown'}:${name}@${version ?? ''}`
}
