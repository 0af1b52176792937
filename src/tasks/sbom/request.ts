import { z } from 'zod'
import { engineNames } from '../../sbom/engines/types.ts'

/** Folders that a step reads for a worker, or that this process reads itself. */
export const folderKinds = ['directory', 'source', 'model', 'dataset'] as const
export type FolderKind = (typeof folderKinds)[number]

const name = z.string().min(1).max(255)
/** Absolute path, for a process that reads files of the job itself; null for a worker, which asks its step (TRUST §4). */
const path = z.string().max(4096).nullable()
const platform = z.string().max(64).nullable()

/** What is to be described (INTERFACE §3, `subject`). */
export const subjectRequestSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('image'),
    /** Reference; a layout's folder is absolute. */
    image: z.string(),
    /** Platform of an index, `os/architecture[/variant]`. */
    platform,
  }),
  z.strictObject({
    kind: z.literal('archive'),
    /** Null: what the archive itself shows. */
    form: z.enum(['oci', 'docker']).nullable(),
    /** Name of the file. */
    name,
    path,
    /** Image of the archive: a name that it has there, its tag, or a digest; null for the only one. */
    wanted: z.string().max(1024).nullable(),
    platform,
  }),
  z.strictObject({
    kind: z.literal('disk'),
    /** Name of the file. */
    name,
    path,
    /** Number of the partition to describe; null for the root. */
    partition: z.int().min(1).max(256).nullable(),
  }),
  z.strictObject({
    kind: z.enum(folderKinds),
    /** Name in the documents, where the subject itself has none. */
    name,
    path,
    /** Absolute places that are left out. */
    exclude: z.array(z.string().max(4096)).max(64),
  }),
])
export type SubjectRequest = z.infer<typeof subjectRequestSchema>
export type DiskRequest = Extract<SubjectRequest, { kind: 'disk' }>
export type ArchiveRequest = Extract<SubjectRequest, { kind: 'archive' }>
export type FolderSubjectRequest = Extract<SubjectRequest, { kind: FolderKind }>

/** Who looks for packages. */
export const engineRequestSchema = z.strictObject({
  name: z.enum(engineNames),
  /** Absolute path of syft, for a process that reads files of the job itself; null for a worker and for `builtin`. */
  program: z.string().max(4096).nullable(),
})
export type EngineRequest = z.infer<typeof engineRequestSchema>

/** Name under which a step serves the program of its engine, byte for byte. */
export const engineName = 'engine'

/** Name under which a step serves the archive of its request, byte for byte. */
export const archiveName = 'archive'

/** Name under which a step serves the disk image of its request, byte for byte. */
export const diskName = 'disk'

/** Name under which a step serves the tree of its request, as `packTree` writes it. */
export const treeName = 'tree'
