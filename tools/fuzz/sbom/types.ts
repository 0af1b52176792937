/** Files by path. */
export type Files = Readonly<Record<string, Buffer>>

/** Something valid that is changed: a file among files that belong to it, or an SBOM document. */
export type Seed = FileSeed | DocumentSeed

export interface FileSeed {
  kind: 'file'
  /** Ecosystem and path. */
  name: string
  path: string
  /** What is changed. */
  content: Buffer
  /** Makes the file of the changed content, where that lies inside: a manifest in an archive, a section of a program. */
  wrap?(content: Buffer): Buffer
  /** Files that lie beside it and stay as they are. */
  beside: Files
}

export interface DocumentSeed {
  kind: 'document'
  name: string
  content: Buffer
}

/** What became of one case. */
export interface Judged {
  /** `read`: taken; `refused`: one of our errors, or a gap for the changed file. */
  outcome: 'read' | 'refused' | 'FINDING'
  /** What is wrong, for people; empty where nothing is. */
  why: string
}
